"""An operator around the real core: a cache fed by watches that lag, a Lease, and a life that may end at any step."""

import enum
from collections.abc import Iterator
from dataclasses import replace

from nfvi_ha.core.detection import Finding, Sight, find_faults
from nfvi_ha.core.evidence import find_evidence
from nfvi_ha.core.fault import Evidence, Fault, ResourceRef
from nfvi_ha.core.ids import notification_id
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.replicaset.planner import plan
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotVm, Snapshot
from nfvi_ha.core.views import PodView, VmView

from .api import Event
from .cluster import Cluster, Told
from .hands import Hands, NotLeaderError
from .objects import SetObject
from .telling import Teller

STAND_IN_SECONDS = 0.25
FRESH_SECONDS = 40.0
TICK_SECONDS = 1.0
SETTLE_SECONDS = 0.01


class Life(enum.Enum):
    UP = "up"
    FROZEN = "frozen"
    CRASHED = "crashed"


class Cache:
    """What the watches brought so far."""

    def __init__(self) -> None:
        self.vms: dict[str, VmView] = {}
        self.pods: dict[str, PodView] = {}
        self.set: SetObject | None = None
        self.incidents: dict[str, Incident] = {}

    def apply(self, event: Event) -> None:
        if event.kind == "set":
            self.set = event.new if isinstance(event.new, SetObject) else None
            return
        store: dict[str, object] = {"vm": self.vms, "pod": self.pods, "incident": self.incidents}[event.kind]  # type: ignore[dict-item]
        old = store.get(event.key)
        if event.new is None:
            store.pop(event.key, None)
        elif not _older(event.new, old):
            store[event.key] = event.new


class Operator:
    """``lag`` is the age of its view in seconds; an unguarded one writes without asking for the Lease."""

    def __init__(self, name: str, cluster: Cluster, *, lag: float = 0.02, guarded: bool = True) -> None:
        self.name, self.cluster, self.lag, self.guarded = name, cluster, lag, guarded
        self.life = Life.UP
        self.cache = Cache()
        self.book = IncidentBook()
        self.records: tuple[SlotRecord, ...] | None = None
        self.fuse: tuple[int, Life] | None = None
        """After so many steps: what becomes of it."""
        self.status_writes = 0
        self._started = cluster.clock.now
        self._missed: list[Event] = []
        self._job: Iterator[None] | None = None
        self._scheduled = False
        self._hands = Hands(self)
        self._teller = Teller(self)
        self._list()
        cluster.api.watchers.append(self._watch)
        self._tick()

    # Life

    @property
    def leading(self) -> bool:
        return not self.guarded or self.cluster.holds_lease(self.name)

    def crash(self) -> None:
        """All that was not written is forgotten."""
        self.life, self._job = Life.CRASHED, None
        if self._watch in self.cluster.api.watchers:
            self.cluster.api.watchers.remove(self._watch)
        self.cluster.say(self.name, "crashed")

    def thaw(self) -> None:
        """Go on exactly where it stopped, then see what happened meanwhile."""
        if self.life is not Life.FROZEN:
            return
        self.life = Life.UP
        self.cluster.say(self.name, "goes on")
        self._go_on()
        for event in self._missed:
            self._see(event)
        self._missed.clear()
        self._tick()

    def _tick(self) -> None:
        if self.life is not Life.UP:
            return
        led = self.leading
        if self.guarded and self.cluster.try_lease(self.name) and not led:
            self.records = None
            self.cluster.say(self.name, "leads")
        self._soon()
        self.cluster.clock.later(TICK_SECONDS, self._tick)

    # Watching

    def _list(self) -> None:
        api = self.cluster.api
        self.cache.vms = {vmi.uid: vmi.view() for vmi in api.vmis.values()}
        self.cache.pods = {pod.uid: pod.view() for pod in api.pods.values()}
        self.cache.set = api.set
        for incident in api.incidents.values():
            self.cache.incidents[incident.id] = self.book.learn(incident)

    def _watch(self, event: Event) -> None:
        self.cluster.clock.later(self.lag, lambda: self._receive(event))

    def _receive(self, event: Event) -> None:
        if self.life is Life.FROZEN:
            self._missed.append(event)
        elif self.life is Life.UP:
            self._see(event)

    def _see(self, event: Event) -> None:
        self.cache.apply(event)
        if isinstance(event.new, Incident):
            self.book.learn(event.new)
        self._soon()

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self.cluster.clock.later(SETTLE_SECONDS, self._begin)

    # Working

    def _begin(self) -> None:
        self._scheduled = False
        if self.life is Life.UP and self._job is None:
            self._job = self._reconcile()
            self._go_on()

    def _go_on(self) -> None:
        while self._job is not None and self.life is Life.UP:
            try:
                next(self._job)
            except (StopIteration, NotLeaderError):
                self._job = None
                return
            self._burn()

    def _burn(self) -> None:
        if self.fuse is None:
            return
        steps, fate = self.fuse
        self.fuse = (steps - 1, fate) if steps > 1 else None
        if self.fuse is not None:
            return
        if fate is Life.CRASHED:
            self.crash()
        else:
            self.life = fate
            self.cluster.say(self.name, "is stopped")

    def _reconcile(self) -> Iterator[None]:
        yield from self._judge_all()
        if not self.leading:
            return
        stored = self.cache.set
        if stored is None:
            yield from self._hands.let_go()
            yield from self._teller.set_gone()
            return
        snapshot = self.snapshot(stored)
        decided = plan(snapshot)
        assert plan(snapshot) == decided, "planning twice from one snapshot gave two plans"
        for action in decided.actions:
            self._hands.act(stored, action)
            yield
        yield from self._teller.tell(snapshot, decided.records)
        yield from self._hands.write_incidents()
        if self._hands.write_status(stored, decided.records):
            yield
        if decided.wake_after_seconds is not None:
            self.cluster.clock.later(decided.wake_after_seconds, self._soon)

    def snapshot(self, stored: SetObject) -> Snapshot:
        """The picture as this operator sees it now."""
        vms = [vm for vm in self.cache.vms.values() if vm.owner and vm.owner.uid == stored.spec.uid]
        ownerless = [vm for vm in self.cache.vms.values() if vm.owner is None and vm.label("app") == stored.spec.name]
        return Snapshot(
            stored.spec,
            tuple(self._slot_vm(vm) for vm in vms),
            tuple(sorted(ownerless, key=lambda vm: vm.name)),
            stored.records if self.records is None else self.records,
            self._hands.blocks(),
            self.cluster.clock.wall(),
        )

    def _slot_vm(self, vm: VmView) -> SlotVm:
        incidents = [i for i in self.book.of_resource(resource_of(vm)) if i.fault.resource.uid == vm.uid]
        still_open = sorted((i for i in incidents if not i.cleared), key=lambda i: i.fault.kind.value)
        slot, attempt = int(vm.label("nfvi-ha.io/slot")), int(vm.label("nfvi-ha.io/attempt"))
        fault = still_open[0].fault.cause if still_open else ""
        recorded = all(incident.id in self.cache.incidents for incident in incidents)
        return SlotVm(vm, slot, attempt, evidence=self.evidence(vm), fault=fault, recorded=recorded)

    # Faults

    def _judge_all(self) -> Iterator[None]:
        for vm in tuple(self.cache.vms.values()):
            present = set()
            for finding in find_faults(self.sight(vm)):
                if finding.unconfirmed and not self._confirmed(vm, finding):
                    continue
                present.add(finding.fault.kind)
                if self._raise(finding.fault):
                    yield
            if self.leading:
                yield from self._teller.clear_over(vm, present)

    def sight(self, vm: VmView) -> Sight:
        mine = bool(vm.owner and self.cache.set and vm.owner.uid == self.cache.set.spec.uid)
        slot = int(vm.label("nfvi-ha.io/slot")) if mine else None
        pods = tuple(pod for pod in self.cache.pods.values() if pod.vmi_uid == vm.uid)
        vnf = self.cache.set.spec.name if mine and self.cache.set else ""
        return Sight(vm, pods, self.evidence(vm), self.cluster.clock.wall(), vnf, slot)

    def evidence(self, vm: VmView) -> Evidence | None:
        """What is on record counts for good, the rest is judged now."""
        recorded = next(iter(self.book.evidence_for(resource_of(vm))), None)
        if recorded is not None:
            return recorded
        pods = [pod for pod in self.cache.pods.values() if pod.vmi_uid == vm.uid]
        return find_evidence(vm, pods, self._fresh_nodes(), self.cluster.clock.wall())

    def _fresh_nodes(self) -> set[str]:
        now = self.cluster.clock.now - self.lag
        nodes = self.cluster.nodes.values()
        return {node.name for node in nodes if node.renewed > self._started and now - node.renewed <= FRESH_SECONDS}

    def _confirmed(self, vm: VmView, finding: Finding) -> bool:
        """Hold it against a fresh read of the VMI, and of its pods if the finding says so."""
        current = self.cluster.api.vmis.get(vm.uid)
        if current is None:
            return False
        sight = replace(self.sight(vm), vm=current.view())
        if finding.reread_pods:
            sight = replace(sight, pods=tuple(pod.view() for pod in self.cluster.api.pods_of(vm.uid)))
        return any(again.fault.kind is finding.fault.kind for again in find_faults(sight))

    def _raise(self, fault: Fault) -> bool:
        raised = self.book.raise_fault(fault)
        if raised is None:
            return False
        incident, step = raised
        if self.leading:
            self.send(incident, step)
        else:
            self.cluster.clock.later(STAND_IN_SECONDS, lambda: self._stand_in(incident, step))
        return True

    def _stand_in(self, incident: Incident, step: Step) -> None:
        if self.life is Life.UP and incident.id not in self.cache.incidents:
            self.send(incident, step)

    def send(self, incident: Incident, step: Step) -> None:
        """Tell the VIM."""
        told = Told(notification_id(incident.id, step.number), incident, step, incident.sequence(step), self.name)
        again = any(earlier.id == told.id for earlier in self.cluster.vim.received)
        self.cluster.vim.received.append(told)
        fault = incident.fault
        about = f"{fault.kind.value}[{incident.episode}] {fault.resource.name} {step.name}"
        detail = {True: f"{fault.cause} {fault.confidence.value}", False: step.new_vm or step.message}[step.number == 0]
        self.cluster.say("vim", f"#{told.sequence} {about}: {detail}" + (" (double)" if again else ""))


def resource_of(vm: VmView) -> ResourceRef:
    return ResourceRef("VirtualMachineInstance", vm.namespace, vm.name, vm.uid)


def _older(new: object, old: object) -> bool:
    """Whether a watch brings what a read of ours overtook."""
    if isinstance(new, VmView | PodView) and isinstance(old, VmView | PodView):
        return int(new.resource_version) < int(old.resource_version)
    return False
