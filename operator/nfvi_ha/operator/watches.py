"""The informers on foreign kinds, Incidents and Secrets, and what each change sets going."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.api.names import KUBEVIRT_LAUNCHER_LABEL, KUBEVIRT_LAUNCHER_VALUE, LABEL_VNFRS
from nfvi_ha.core.evidence import KUBELET, VIRT_HANDLER
from nfvi_ha.core.views import NodeView, PodView, VmView
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change, Dispatcher
from nfvi_ha.kube.informer import PRIORITY_DEFAULT, PRIORITY_NODES, PRIORITY_VMS, Informer
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.resources import INCIDENTS, LEASES, NODES, PODS, SECRETS, VMIS
from nfvi_ha.kube.views import LeaseView, lease_view, node_view, pod_view, vm_view
from nfvi_ha.operator.world import SetKey, World
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.reporting.record.intake import IncidentView

JsonObject = dict[str, Any]
NODE_LEASES = "kube-node-lease"


@dataclass(frozen=True, slots=True)
class Reactions:
    """What to do on changes; times are monotonic seconds of the event's arrival."""

    judge: Callable[[str, float], None]
    """A VM (by uid) or its pods changed."""
    vm_gone: Callable[[VmView], None]
    judge_node: Callable[[str, float], None]
    """A node became fresh."""
    reconcile: Callable[[SetKey], None]
    nodes_changed: Callable[[], None]
    """A node came or went, or has other labels."""
    read_incident: Callable[[JsonObject], IncidentView | None]
    incident: Callable[[IncidentView | None, IncidentView | None], None]
    """Old and new; new is None when it was deleted."""
    secrets_changed: Callable[[], None]


class Watches:
    """All informers of the operator, sharing one dispatcher so that a node's event passes a burst of VM events."""

    def __init__(
        self, client: KubeClient, world: World, namespace: str, reactions: Reactions, registry: CollectorRegistry
    ) -> None:
        self._world = world
        self._do = reactions
        self.secrets: dict[str, Secret] = {}
        dispatcher, metrics = Dispatcher(), InformerMetrics(registry)
        launcher = f"{KUBEVIRT_LAUNCHER_LABEL}={KUBEVIRT_LAUNCHER_VALUE}"
        self._informers: tuple[Informer[Any], ...] = (
            Informer(
                client, NODES, node_view, on_change=self._node,
                priority=PRIORITY_NODES, dispatcher=dispatcher, metrics=metrics,
            ),
            Informer(
                client, LEASES, lease_view, on_change=self._lease, namespace=NODE_LEASES,
                priority=PRIORITY_NODES, dispatcher=dispatcher, metrics=metrics,
            ),
            Informer(
                client, VMIS, vm_view, on_change=self._vm,
                priority=PRIORITY_VMS, dispatcher=dispatcher, metrics=metrics,
            ),
            Informer(
                client, PODS, pod_view, on_change=self._pod, label_selector=launcher,
                priority=PRIORITY_VMS, dispatcher=dispatcher, metrics=metrics,
            ),
            Informer(
                client, INCIDENTS, reactions.read_incident, on_change=self._incident,
                priority=PRIORITY_DEFAULT, dispatcher=dispatcher, metrics=metrics,
            ),
            Informer(
                client, SECRETS, Secret.from_object, on_change=self._secret, namespace=namespace,
                priority=PRIORITY_DEFAULT, dispatcher=dispatcher, metrics=metrics,
            ),
        )  # fmt: skip

    def synced(self) -> bool:
        """Whether every informer delivered its first list."""
        return all(informer.synced.is_set() for informer in self._informers)

    async def wait_synced(self) -> None:
        """Wait until every informer delivered its first list."""
        await asyncio.gather(*(informer.wait_synced() for informer in self._informers))

    def unsynced(self) -> list[str]:
        """Names of the informers that are not synced yet."""
        return [informer.name for informer in self._informers if not informer.synced.is_set()]

    async def run(self) -> None:
        """Watch for ever."""
        async with asyncio.TaskGroup() as group:
            for informer in self._informers:
                group.create_task(informer.run(), name=f"informer-{informer.name}")

    def _vm(self, change: Change[VmView]) -> None:
        self._world.put_vm(change.old, change.new)
        if (node := _writing_handler(change)) is not None:
            self._world.freshness.heard(node, change.received_at)
        vm = change.new or change.old
        if vm is None or _same_but_version(change.old, change.new):
            return
        if change.new is None:
            self._do.vm_gone(vm)
        else:
            self._do.judge(vm.uid, change.received_at)
        for view in (change.old, change.new):
            if view is not None and (key := _set_key(view)) is not None:
                self._do.reconcile(key)
        if vm.owner is None:
            # An orphan may be wanted by any set of its namespace.
            for key in self._world.sets:
                if key[0] == vm.namespace:
                    self._do.reconcile(key)

    def _pod(self, change: Change[PodView]) -> None:
        self._world.put_pod(change.old, change.new)
        if (node := _writing_kubelet(change)) is not None:
            self._world.freshness.heard(node, change.received_at)
        pod = change.new or change.old
        if pod is None or _same_but_version(change.old, change.new):
            return
        self._do.judge(pod.vmi_uid, change.received_at)
        vm = self._world.vms.get(pod.vmi_uid)
        key = _set_key(vm) if vm is not None else None
        if key is not None:
            self._do.reconcile(key)

    def _node(self, change: Change[NodeView]) -> None:
        if change.old is None or change.new is None or change.old.labels != change.new.labels:
            self._do.nodes_changed()
        if change.new is not None:
            self._world.nodes[change.new.name] = change.new
        elif change.old is not None:
            self._world.nodes.pop(change.old.name, None)

    def _lease(self, change: Change[LeaseView]) -> None:
        if change.new is None:
            if change.old is not None:
                self._world.freshness.forget(change.old.name)
            return
        node = change.new.name
        if self._world.freshness.observe(node, change.new.renew_time, change.received_at):
            self._do.judge_node(node, change.received_at)
            for vm in self._world.vms_on(node):
                if (key := _set_key(vm)) is not None:
                    self._do.reconcile(key)

    def _incident(self, change: Change[IncidentView]) -> None:
        self._do.incident(change.old, change.new)

    def _secret(self, change: Change[Secret]) -> None:
        if change.new is not None:
            self.secrets[change.new.name] = change.new
        elif change.old is not None:
            self.secrets.pop(change.old.name, None)
        self._do.secrets_changed()


_ESSENCE: Final[Mapping[type, Callable[[Any], tuple[Any, ...]]]] = {
    kind: attrgetter(*(field.name for field in fields(kind) if field.name != "resource_version"))
    for kind in (VmView, PodView)
}
"""All of a view but its version."""


def _same_but_version(old: VmView | PodView | None, new: VmView | PodView | None) -> bool:
    """Whether nothing changed that anybody here reads: most writes to a VMI are a guest agent's figures."""
    if old is None or new is None:
        return False
    return _ESSENCE[type(old)](old) == _ESSENCE[type(new)](new)


def _writing_handler(change: Change[VmView]) -> str | None:
    """The node whose virt-handler wrote this change of phase, seen as it happened."""
    old, new = change.old, change.new
    if change.synthetic or old is None or new is None or old.phase == new.phase:
        return None
    return new.node if new.phase_writer == VIRT_HANDLER and new.node else None


def _writing_kubelet(change: Change[PodView]) -> str | None:
    """The node whose kubelet wrote this change of a container's state, seen as it happened."""
    old, new = change.old, change.new
    if change.synthetic or old is None or new is None or old.compute_exit_code == new.compute_exit_code:
        return None
    return new.node if new.status_writer == KUBELET and new.node else None


def _set_key(vm: VmView) -> SetKey | None:
    """The set a VM belongs to, or belonged to before somebody orphaned it."""
    if vm.owner is not None:
        return (vm.namespace, vm.owner.name) if vm.owner.kind == "VNFReplicaSet" else None
    name = vm.label(LABEL_VNFRS)
    return (vm.namespace, name) if name else None
