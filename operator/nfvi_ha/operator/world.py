"""The cluster as this replica sees it now: stores fed by watches, indexed by what the controllers ask for."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nfvi_ha.api import names
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.hapolicy import HAPolicy
from nfvi_ha.api.kind import KubeObject
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.api.vnfreplicaset import VNFReplicaSet
from nfvi_ha.core.views import NodeView, PodView, VmView
from nfvi_ha.operator.freshness import NodeFreshness

JsonObject = dict[str, Any]
SetKey = tuple[str, str]
"""Namespace and name of a VNFReplicaSet."""


Model = TypeVar("Model", bound=KubeObject)


@dataclass(frozen=True, slots=True)
class Entry(Generic[Model]):
    """An object of ours: readable, or the reason why it is not. ``namespace`` is "" for cluster-scoped kinds."""

    namespace: str
    name: str
    uid: str
    generation: int
    model: Model | None
    problem: InvalidObject | None
    status: JsonObject
    """As stored, {} when there is none."""


SetEntry = Entry[VNFReplicaSet]
EndpointEntry = Entry[VIMEndpoint]
PolicyEntry = Entry[HAPolicy]


class World:
    """All stores. Mutated only by the watches, on the loop; controllers read it without waiting."""

    def __init__(self, freshness: NodeFreshness) -> None:
        self.freshness = freshness
        self.vms: dict[str, VmView] = {}
        self.nodes: dict[str, NodeView] = {}
        self.sets: dict[SetKey, SetEntry] = {}
        self.endpoints: dict[str, EndpointEntry] = {}
        self.policies: dict[str, PolicyEntry] = {}
        self._pods: defaultdict[str, dict[str, PodView]] = defaultdict(dict)
        self._by_set: defaultdict[SetKey, set[str]] = defaultdict(set)
        self._ownerless: defaultdict[str, set[str]] = defaultdict(set)
        self._by_node: defaultdict[str, set[str]] = defaultdict(set)
        self._by_name: defaultdict[SetKey, set[str]] = defaultdict(set)

    def pods_of(self, vm_uid: str) -> tuple[PodView, ...]:
        """The launcher pods that carry the VM's uid."""
        return tuple(self._pods.get(vm_uid, {}).values())

    def vms_of_set(self, key: SetKey) -> list[VmView]:
        """VMs controlled by a VNFReplicaSet of that name, of whatever incarnation."""
        return [self.vms[uid] for uid in self._by_set.get(key, ())]

    def ownerless_vms(self, namespace: str) -> list[VmView]:
        """VMs that nobody controls."""
        return [self.vms[uid] for uid in self._ownerless.get(namespace, ())]

    def vms_on(self, node: str) -> list[VmView]:
        """VMs whose status names the node."""
        return [self.vms[uid] for uid in self._by_node.get(node, ())]

    def vms_named(self, namespace: str, name: str) -> list[VmView]:
        """VMs of that name: one, or none, or for a moment two incarnations."""
        return [self.vms[uid] for uid in self._by_name.get((namespace, name), ())]

    def set_of(self, vm: VmView) -> SetEntry | None:
        """The VNFReplicaSet that controls the VM now, by uid."""
        if vm.owner is None or vm.owner.kind != "VNFReplicaSet":
            return None
        entry = self.sets.get((vm.namespace, vm.owner.name))
        return entry if entry is not None and entry.uid == vm.owner.uid else None

    def put_vm(self, old: VmView | None, new: VmView | None) -> None:
        """A VM came, changed or went."""
        if old is not None:
            self._unindex(old)
        if new is not None:
            self.vms[new.uid] = new
            for index, key in self._places(new):
                index[key].add(new.uid)

    def put_pod(self, old: PodView | None, new: PodView | None) -> None:
        """A launcher pod came, changed or went."""
        if old is not None:
            pods = self._pods.get(old.vmi_uid, {})
            pods.pop(old.uid, None)
            if not pods:
                self._pods.pop(old.vmi_uid, None)
        if new is not None:
            self._pods[new.vmi_uid][new.uid] = new

    def _unindex(self, vm: VmView) -> None:
        self.vms.pop(vm.uid, None)
        for index, key in self._places(vm):
            members = index.get(key)
            if members is not None:
                members.discard(vm.uid)
                if not members:
                    del index[key]

    def _places(self, vm: VmView) -> list[tuple[dict[Any, set[str]], Any]]:
        places: list[tuple[dict[Any, set[str]], Any]] = [(self._by_name, (vm.namespace, vm.name))]
        if vm.owner is None:
            places.append((self._ownerless, vm.namespace))
        elif vm.owner.kind == "VNFReplicaSet" and vm.owner.api_version.startswith(f"{names.GROUP}/"):
            places.append((self._by_set, (vm.namespace, vm.owner.name)))
        if vm.node:
            places.append((self._by_node, vm.node))
        return places


def set_entry(obj: JsonObject) -> SetEntry | None:
    """A VNFReplicaSet object as an entry; None when it has not even a name and uid."""
    return _entry(obj, VNFReplicaSet)


def endpoint_entry(obj: JsonObject) -> EndpointEntry | None:
    """A VIMEndpoint object as an entry; None when it has not even a name and uid."""
    return _entry(obj, VIMEndpoint)


def policy_entry(obj: JsonObject) -> PolicyEntry | None:
    """An HAPolicy object as an entry; None when it has not even a name and uid."""
    return _entry(obj, HAPolicy)


def _entry(obj: JsonObject, kind: type[Model]) -> Entry[Model] | None:
    metadata = obj.get("metadata") or {}
    namespace, name, uid = (str(metadata.get(key) or "") for key in ("namespace", "name", "uid"))
    if not (name and uid) or bool(namespace) != kind.info.namespaced:
        return None
    model, problem = None, None
    try:
        model = kind.parse(obj)
    except InvalidObject as error:
        problem = error
    generation = metadata.get("generation")
    status = obj.get("status")
    return Entry(
        namespace,
        name,
        uid,
        generation if isinstance(generation, int) else 0,
        model,
        problem,
        status if isinstance(status, dict) else {},
    )
