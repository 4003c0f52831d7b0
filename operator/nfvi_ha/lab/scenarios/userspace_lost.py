"""A hypervisor whose every process died while its kernel answers pings: failed, with cause Hung."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.kill_userspace(hit.node)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.power_on(hit.node)


SCENARIO: Final = HostScenario(
    name="userspace-lost",
    summary="Everything on a hypervisor is killed, its kernel answers pings and refuses connections: failed, Hung.",
    inject=_inject,
    words=(Word("hypervisor.failed", "Hypervisor/{node}", cause="Hung"),),
    forbidden=("agent.lost", "hypervisor.unreachable", "nfvi.mass.failure"),
    vms_fail=True,
    restore=_restore,
    cleared=(Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", within_seconds=60.0),),
)
