"""The simulated API server: objects, preconditions, finalizers, garbage collection and watches."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from nfvi_ha.api import names
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.replicaset.snapshot import SlotRecord
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.replicaset.template import slot_labels, vm_name
from nfvi_ha.core.views import PodView, VmView

from .clock import Clock
from .objects import Pod, Process, SetObject, Vmi


class ApiError(Exception):
    """The server refused."""


class AlreadyExistsError(ApiError):
    """The name is taken."""


class ConflictError(ApiError):
    """The object is not what the writer thinks it is."""


@dataclass(frozen=True, slots=True)
class Event:
    """One watch event; ``new`` is None for a deletion."""

    kind: str
    key: str
    new: VmView | PodView | SetObject | Incident | None


class Api:
    def __init__(self, clock: Clock, say: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._say = say
        self.vmis: dict[str, Vmi] = {}
        self.removed: dict[str, Vmi] = {}
        self.pods: dict[str, Pod] = {}
        self.set: SetObject | None = None
        self.incidents: dict[str, Incident] = {}
        self.behaviours: dict[str, str] = {}
        """How VMs of each template behave: ok, never-ready, crash; "refused" is not even stored."""
        self.refuse_creations = False
        self.watchers: list[Callable[[Event], None]] = []
        self.on_created: Callable[[Vmi], None] = lambda vmi: None
        self.on_deleting: Callable[[Vmi], None] = lambda vmi: None
        self._version = 0
        self._uids: dict[str, int] = {}

    def all_vmis(self) -> list[Vmi]:
        """Those in the API and those that were: the truth goes on when the object is gone."""
        return [*self.vmis.values(), *self.removed.values()]

    def named(self, name: str) -> Vmi | None:
        return next((vmi for vmi in self.vmis.values() if vmi.name == name), None)

    def pods_of(self, vmi_uid: str) -> list[Pod]:
        return [pod for pod in self.pods.values() if pod.vmi_uid == vmi_uid]

    def next_version(self) -> int:
        self._version += 1
        return self._version

    def new_uid(self, name: str) -> str:
        self._uids[name] = self._uids.get(name, 0) + 1
        return f"{name}#{self._uids[name]}"

    def changed(self, obj: Vmi | Pod) -> None:
        """Give it a new version and tell the watchers."""
        obj.version = self.next_version()
        self._emit("vm" if isinstance(obj, Vmi) else "pod", obj.uid, obj.view())

    def create_vmi(self, spec: ReplicaSetSpec, slot: int, attempt: int) -> Vmi:
        name = vm_name(spec.name, slot, attempt)
        behaviour = self.behaviours.get(spec.template_hash, "ok")
        if self.refuse_creations or behaviour == "refused":
            raise ApiError(f"creation of {name} refused")
        if self.named(name) is not None:
            raise AlreadyExistsError(name)
        labels = {
            "app": spec.name,
            **slot_labels(spec.name, slot, attempt),
            names.LABEL_TEMPLATE_HASH: spec.template_hash,
        }
        finalizers = {names.FINALIZER_EVIDENCE, names.KUBEVIRT_FINALIZER}
        vmi = Vmi(
            self.new_uid(name), name, self._clock.now, labels, {}, finalizers, spec.name, spec.uid, behaviour=behaviour
        )
        self.vmis[vmi.uid] = vmi
        self.changed(vmi)
        self.on_created(vmi)
        return vmi

    def delete_vmi(self, name: str, uid: str = "") -> None:
        """Ask for its deletion; with a uid only if it is that one."""
        vmi = self.named(name)
        if vmi is None or (uid and vmi.uid != uid) or vmi.deleting is not None:
            return
        vmi.deleting = self._clock.now
        if vmi.failed_at is not None and int(vmi.phase_times.get("Failed", self._clock.now)) >= int(self._clock.now):
            vmi.disputed = True  # stamps have whole seconds: which came first cannot be seen
        self.changed(vmi)
        self.on_deleting(vmi)
        self.sweep(vmi)

    def drop_finalizer(self, uid: str, finalizer: str) -> None:
        vmi = self.vmis.get(uid)
        if vmi is None or finalizer not in vmi.finalizers:
            return
        vmi.finalizers.discard(finalizer)
        self.changed(vmi)
        self.sweep(vmi)

    def sweep(self, vmi: Vmi) -> None:
        """An object that is being deleted and has no finalizers is gone."""
        if vmi.deleting is None or vmi.finalizers or vmi.uid not in self.vmis:
            return
        self.removed[vmi.uid] = self.vmis.pop(vmi.uid)
        self._emit("vm", vmi.uid, None)
        if vmi.process is not Process.ALIVE:
            for pod in self.pods_of(vmi.uid):
                self.remove_pod(pod)
        self._finish_foreground()

    def adopt(self, uid: str, version: str, spec: ReplicaSetSpec, slot: int, attempt: int) -> None:
        vmi = self.vmis.get(uid)
        if vmi is None or str(vmi.version) != version or vmi.owner_uid:
            raise ConflictError(uid)
        vmi.owner_name, vmi.owner_uid = spec.name, spec.uid
        vmi.labels |= slot_labels(spec.name, slot, attempt)
        vmi.finalizers.add(names.FINALIZER_EVIDENCE)
        self.changed(vmi)

    def remove_pod(self, pod: Pod) -> None:
        if self.pods.pop(pod.uid, None) is not None:
            self._emit("pod", pod.uid, None)

    def put_set(self, spec: ReplicaSetSpec | None, *, records: tuple[SlotRecord, ...] | None = None) -> None:
        """Store the set's spec, its status, or its absence."""
        if spec is None:
            self.set = None
        elif self.set is None:
            self.set = SetObject(spec, records or (), self.next_version())
        else:
            kept = self.set.records if records is None else records
            self.set = replace(self.set, spec=spec, records=kept, version=self.next_version())
        self._emit("set", "", self.set)

    def put_incident(self, incident: Incident) -> None:
        self.incidents[incident.id] = incident
        self._emit("incident", incident.id, incident)

    def delete_set(self, how: str) -> None:
        """Delete the set: foreground, background or orphan."""
        if self.set is None:
            return
        mine = [vmi for vmi in self.vmis.values() if vmi.owner_uid == self.set.spec.uid]
        if how == "foreground":
            self.set = replace(self.set, foreground=True)
            self.put_set(replace(self.set.spec, deleting=True))
        else:
            self.put_set(None)
        for vmi in mine:
            if how == "orphan":
                vmi.owner_name = vmi.owner_uid = ""
                self.changed(vmi)
            else:
                self.delete_vmi(vmi.name)
        self._finish_foreground()

    def _finish_foreground(self) -> None:
        stored = self.set
        if stored is None or not stored.foreground:
            return
        if not any(vmi.owner_uid == stored.spec.uid for vmi in self.vmis.values()):
            self._say("api", "set gone")
            self.put_set(None)

    def _emit(self, kind: str, key: str, new: VmView | PodView | SetObject | Incident | None) -> None:
        for watcher in tuple(self.watchers):
            watcher(Event(kind, key, new))
