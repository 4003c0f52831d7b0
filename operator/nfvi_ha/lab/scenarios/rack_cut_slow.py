"""Three hypervisors in ten are cut off within ten seconds: each is told, and in the end it is a mass failure, too."""

import asyncio
from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word

SPREAD_SECONDS: Final = 10.0


async def _inject(session: Session, hit: Target) -> Injection:
    first = Injection.now("rack-cut-slow", ",".join(hit.nodes))
    for index, node in enumerate(hit.nodes):
        if index:
            await asyncio.sleep(SPREAD_SECONDS / (len(hit.nodes) - 1) * 0.95)
        first = await session.host_faults.cut_racks([node])
    return first


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.mend_racks(hit.nodes)


SCENARIO: Final = HostScenario(
    name="rack-cut-slow",
    summary="4 of 13 hypervisors are cut off over ten seconds: each is told, and one root once it is a mass failure.",
    inject=_inject,
    words=(
        Word("hypervisor.failed", "Hypervisor/{node}", each_node=True),
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
