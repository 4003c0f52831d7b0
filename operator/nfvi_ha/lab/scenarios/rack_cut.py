"""Three hypervisors in ten are cut off at once: each is told, with one root above them, and recovery is held."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.cut_racks(hit.nodes)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.mend_racks(hit.nodes)


SCENARIO: Final = HostScenario(
    name="rack-cut",
    summary="4 of 13 hypervisors are cut off at once: each is told with cause MassFailure, and one root for all.",
    inject=_inject,
    words=(
        Word("hypervisor.failed", "Hypervisor/{node}", cause="MassFailure", each_node=True),
        Word("nfvi.mass.failure", "NFVI/lab", "root_ms"),
    ),
    forbidden=("agent.lost", "hypervisor.unreachable"),
    restore=_restore,
    cleared=(
        Word("hypervisor.failed", "Hypervisor/{node}", "cleared_ms", state="cleared", each_node=True),
        Word("nfvi.mass.failure", "NFVI/lab", "root_cleared_ms", state="cleared", within_seconds=60.0),
    ),
    nodes_hit=4,
    hypervisors=13,
    needs_links=True,
    without_vms=True,
)
