"""A hypervisor that is cut off the first storage network and heard on the other: the network failed, not the host."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.cut([hit.node], ["storage"])


async def _restore(session: Session, hit: Target) -> Injection:
    await session.host_faults.mend([hit.node], ["storage"])
    return Injection.now("network-mended", hit.node)


SCENARIO: Final = HostScenario(
    name="storage-cut",
    summary="A hypervisor loses its link to the first storage network: hypervisor.network.failed, and no dead host.",
    inject=_inject,
    words=(Word("hypervisor.network.failed", "HypervisorComponent/{node}/network/storage"),),
    forbidden=("hypervisor.failed", "hypervisor.unreachable", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(
        Word("hypervisor.network.failed", "HypervisorComponent/{node}/network/storage", "cleared_ms", state="cleared"),
    ),
    needs_links=True,
)
