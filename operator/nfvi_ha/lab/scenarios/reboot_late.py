"""A hypervisor that said goodbye for a reboot and does not come back in time: failed when its time is over."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word

LATE_SECONDS: Final = 5


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.shut_down(hit.node, seconds=LATE_SECONDS)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.power_on(hit.node)


SCENARIO: Final = HostScenario(
    name="reboot-late",
    summary="A hypervisor says goodbye for five seconds and stays down: failed, when the time it asked for is over.",
    inject=_inject,
    words=(Word("hypervisor.failed", "Hypervisor/{node}"),),
    forbidden=("agent.lost", "hypervisor.unreachable", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", within_seconds=60.0),),
    without_vms=True,
)
