"""M6: one of a hypervisor's two storage links loses its carrier; nothing else is told as failed."""

from typing import Final

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.network.plan import STORAGE_B
from nfvi_ha.lab.play import Session
from nfvi_ha.lab.scenarios.host_scenario import HostScenario, Target, Word


async def _inject(session: Session, hit: Target) -> Injection:
    return await session.host_faults.set_link(hit.node, STORAGE_B, up=False)


async def _restore(session: Session, hit: Target) -> Injection:
    return await session.host_faults.set_link(hit.node, STORAGE_B, up=True)


LINK: Final = f"HypervisorComponent/{{node}}/link/{STORAGE_B.name}"
PATH: Final = "HypervisorComponent/{node}/path/storage"

SCENARIO: Final = HostScenario(
    name="storage-link-down",
    summary="The second storage link of a hypervisor loses its carrier: the link is down, its path has no spare.",
    inject=_inject,
    words=(Word("link.down", LINK), Word("storage.path.degraded", PATH, "path_ms")),
    forbidden=("hypervisor.failed", "hypervisor.network.failed", "agent.lost", "vm.failed", "nfvi.mass.failure"),
    restore=_restore,
    cleared=(
        Word("link.down", LINK, "cleared_ms", state="cleared"),
        Word("storage.path.degraded", PATH, "path_cleared_ms", state="cleared"),
    ),
    needs_links=True,
)
