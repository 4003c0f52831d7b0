"""A sentinel that is cut off from everybody: it blames itself, and the others miss it."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.cut_all(f"sentinel-{hit.seat}")


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.cut_all(f"sentinel-{hit.seat}", up=True)


SCENARIO: Final = HostScenario(
    name="sentinel-isolated",
    summary="All links of one sentinel down: ha.redundancy.lost, and no hypervisor is told as failed or unreachable.",
    inject=_inject,
    words=(Word("ha.redundancy.lost", "Sentinel/sentinel-{seat}"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("ha.redundancy.lost", "Sentinel/sentinel-{seat}", "cleared_ms", state="cleared"),),
    quiet_seconds=3.0,
    needs_links=True,
)
