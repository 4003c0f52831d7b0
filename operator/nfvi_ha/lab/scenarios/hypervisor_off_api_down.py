"""M2, H1: a hypervisor loses power while the API server is down: told all the same."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    await session.host_faults.apiserver(up=False)
    return await session.host_faults.power_off(hit.node)


async def _restore(session: Session, hit: Target) -> Injection:
    await session.host_faults.apiserver(up=True)
    return await session.host_faults.power_on(hit.node)


SCENARIO: Final = HostScenario(
    name="hypervisor-off-api-down",
    summary="A hypervisor loses power while the API server is down: told by the sentinels, written down later.",
    inject=_inject,
    words=(Word("hypervisor.failed", "Hypervisor/{node}"),),
    forbidden=("agent.lost", "hypervisor.unreachable", "nfvi.mass.failure"),
    vms_fail=True,
    restore=_restore,
    cleared=(Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", within_seconds=60.0),),
)
