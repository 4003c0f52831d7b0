"""M2: a hypervisor loses power; every VM on it is told as failed, and none is replaced before there is evidence."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.power_off(hit.node)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.power_on(hit.node)


SCENARIO: Final = HostScenario(
    name="hypervisor-off",
    summary="All links of a hypervisor down, then everything on it killed: told with its VMs, nothing replaced yet.",
    inject=_inject,
    words=(Word("hypervisor.failed", "Hypervisor/{node}"),),
    forbidden=("agent.lost", "hypervisor.unreachable", "nfvi.mass.failure"),
    vms_fail=True,
    restore=_restore,
    cleared=(Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", within_seconds=60.0),),
)
