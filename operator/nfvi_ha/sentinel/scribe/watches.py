"""The informers of the scribe, and whom they tell."""

import asyncio
from collections.abc import Callable
from typing import Any

from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.dispatcher import Change, Dispatcher
from nfvi_ha.kube.informer import PRIORITY_DEFAULT, PRIORITY_NODES, PRIORITY_VMS, Informer
from nfvi_ha.kube.resources import HAPOLICIES, HYPERVISORS, INCIDENTS, LEASES, NODES, PODS, SECRETS, VIMENDPOINTS, VMIS
from nfvi_ha.kube.views import lease_view, vm_view
from nfvi_ha.reporting.record.intake import IncidentView
from nfvi_ha.sentinel.scribe.doubts import NODE_LEASES
from nfvi_ha.sentinel.scribe.feeder import Feeder
from nfvi_ha.sentinel.scribe.host_view import host_view
from nfvi_ha.sentinel.scribe.hypervisor_object import HypervisorView, hypervisor_view
from nfvi_ha.sentinel.scribe.policies import policy_view
from nfvi_ha.sentinel.scribe.settings import ScribeSettings
from nfvi_ha.sentinel.scribe.views import endpoint_view, seat_view, secret_view


class Watches:
    """All informers, sharing one dispatcher so that a node's event passes a burst of VM events."""

    def __init__(
        self,
        client: KubeClient,
        settings: ScribeSettings,
        feeder: Feeder,
        *,
        read_incident: Callable[[JsonObject], IncidentView | None],
        incident: Callable[[Change[IncidentView]], None],
        hypervisor: Callable[[Change[HypervisorView]], None],
    ) -> None:
        dispatcher = Dispatcher()
        namespace = settings.namespace
        self.node_leases = Informer(
            client, LEASES, lease_view, on_change=feeder.lease, namespace=NODE_LEASES,
            priority=PRIORITY_NODES, dispatcher=dispatcher, name="node-leases",
        )  # fmt: skip
        self.hypervisors = Informer(
            client, HYPERVISORS, hypervisor_view, on_change=hypervisor,
            priority=PRIORITY_DEFAULT, dispatcher=dispatcher,
        )  # fmt: skip
        """Nothing that the hot process needs: the feed does not wait for it."""
        self._informers: tuple[Informer[Any], ...] = (
            # Secrets first: the keys in them decide what of the rest is believed.
            Informer(
                client, SECRETS, secret_view, on_change=feeder.secret, namespace=namespace,
                priority=PRIORITY_NODES, dispatcher=dispatcher,
            ),
            Informer(
                client, NODES, host_view, on_change=feeder.node,
                priority=PRIORITY_NODES, dispatcher=dispatcher,
            ),
            self.node_leases,
            Informer(
                client, VMIS, vm_view, on_change=feeder.vm,
                priority=PRIORITY_VMS, dispatcher=dispatcher,
            ),
            Informer(
                client, VIMENDPOINTS, endpoint_view, on_change=feeder.endpoint,
                priority=PRIORITY_DEFAULT, dispatcher=dispatcher,
            ),
            Informer(
                client, INCIDENTS, read_incident, on_change=incident,
                priority=PRIORITY_DEFAULT, dispatcher=dispatcher,
            ),
            Informer(
                client, HAPOLICIES, policy_view, on_change=feeder.policy,
                priority=PRIORITY_NODES, dispatcher=dispatcher,
            ),
            Informer(
                client, PODS, seat_view, on_change=feeder.seat, namespace=namespace,
                label_selector=settings.sentinel_selector, priority=PRIORITY_DEFAULT, dispatcher=dispatcher,
            ),
        )  # fmt: skip

    async def wait_synced(self) -> None:
        """Wait until every informer that the feed needs delivered its first list."""
        await asyncio.gather(*(informer.wait_synced() for informer in self._informers))

    def unsynced(self) -> list[str]:
        """Names of the informers that are not synced yet."""
        return [informer.name for informer in self._informers if not informer.synced.is_set()]

    async def run(self) -> None:
        """Watch for ever."""
        async with asyncio.TaskGroup() as group:
            for informer in (*self._informers, self.hypervisors):
                group.create_task(informer.run(), name=f"informer-{informer.name}")
