"""M6: the storage link that a hypervisor uses loses its carrier; its path fails over, and says in which time."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.network.plan import STORAGE_A
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.set_link(hit.node, STORAGE_A, up=False)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.set_link(hit.node, STORAGE_A, up=True)


LINK: Final = f"HypervisorComponent/{{node}}/link/{STORAGE_A.name}"
PATH: Final = "HypervisorComponent/{node}/path/storage"

SCENARIO: Final = HostScenario(
    name="storage-failover",
    summary="The storage link in use loses its carrier: the path fails over within a second, and nothing else failed.",
    inject=_inject,
    words=(
        Word("link.down", LINK),
        Word("storage.path.degraded", PATH, "path_ms", cause="MemberLost", outage="failover_ms"),
    ),
    forbidden=(
        "storage.path.failed",
        "storage.path.failover.slow",
        "hypervisor.failed",
        "agent.lost",
        "vm.failed",
        "nfvi.mass.failure",
    ),
    restore=_restore,
    cleared=(
        Word("link.down", LINK, "cleared_ms", state="cleared"),
        Word("storage.path.degraded", PATH, "path_cleared_ms", state="cleared"),
    ),
    needs_links=True,
)
