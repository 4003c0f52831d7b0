"""Deletes closed Incidents that are old or too many (leader only), slowly enough that nobody notices."""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from nfvi_ha.core.retention import Policy, Present, to_delete
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.kube.resources import INCIDENTS
from nfvi_ha.operator.replicas import REPLICA_KIND, REPLICA_UID
from nfvi_ha.operator.world import World
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.record.outbox import Outbox

log = logging.getLogger(__name__)

ROUND_SECONDS: Final = 60.0
"""Between two looks."""
PAUSE_SECONDS: Final = 0.05
"""Between two deletions: 20 a second at most."""


class Retention:
    """Finds the records that may go, and deletes them one by one.

    ``client`` refuses every change that is made without surely holding the Lease.
    """

    def __init__(
        self,
        client: KubeClient,
        outbox: Outbox,
        policy: Policy,
        *,
        present: Callable[[], Present],
        leading: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._policy = policy
        self._present = present
        self._leading = leading
        self._clock = clock

    async def round(self, pause_seconds: float = PAUSE_SECONDS) -> int:
        """Delete what may go now, as long as we lead; how many were deleted.

        Raises:
            KubeError: the API server refused; what is left is looked at in the next round.
        """
        if not self._leading():
            return 0
        kept = list(self._outbox.kept())
        copies = {record.id: copy for record, copy in kept}
        deleted = 0
        for identity in to_delete((record for record, _ in kept), self._policy, self._present(), self._clock.now()):
            if not self._leading():
                break
            copy = copies[identity]
            try:
                await self._client.delete(
                    INCIDENTS, identity, copy.namespace, uid=copy.uid, resource_version=copy.version
                )
            except (NotFound, Conflict):
                continue  # gone, or written since: the next round sees it as it is then
            deleted += 1
            await asyncio.sleep(pause_seconds)
        if deleted:
            log.info("closed incidents deleted", extra={"count": deleted})
        return deleted


def present(world: World, replicas: Collection[str]) -> Present:
    """The resources that incidents may be on, as they are now; ``replicas`` are those of the operator that live."""
    vms, sets, nodes = world.vms.values(), world.sets.values(), world.nodes.values()
    return Present(
        frozenset(
            {vm.uid for vm in vms}
            | {entry.uid for entry in sets}
            | {node.boot_id for node in nodes}
            | {REPLICA_UID for _ in replicas}
        ),
        frozenset(
            {("VirtualMachineInstance", vm.namespace, vm.name) for vm in vms}
            | {("VNFReplicaSet", entry.namespace, entry.name) for entry in sets}
            | {("Hypervisor", "", node.name) for node in nodes}
            | {(REPLICA_KIND, "", identity) for identity in replicas}
        ),
    )
