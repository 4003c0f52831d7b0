"""Telling what recovery does: each step on the incident of the VM that failed, and when the VNF is short of VMs."""

from typing import Final

from nfvi_ha.api.vnfreplicaset import LastFailure, LastRecovery, VNFReplicaSet
from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import ActionName, Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, SlotVm, Snapshot
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.operator.set_status import History
from nfvi_ha.operator.vm_actions import Outcome
from nfvi_ha.operator.world import SetKey
from nfvi_ha.reporting.clock import Clock

CAUSE_BELOW: Final = "ReplicasBelowDesired"
LOST_STATES: Final = frozenset(
    {SlotState.FAILED, SlotState.HELD, SlotState.BACKOFF, SlotState.QUARANTINED, SlotState.UNREADY}
)


class RecoveryTeller:
    """Compares what is open in the book with what the slots show, and tells the difference (leader only)."""

    def __init__(self, book: IncidentBook, reporter: Reporter, clock: Clock) -> None:
        self._book = book
        self._reporter = reporter
        self._clock = clock
        self._recoveries: dict[str, LastRecovery] = {}

    def tell(self, model: VNFReplicaSet, snapshot: Snapshot, records: tuple[SlotRecord, ...], outcome: Outcome) -> None:
        """Tell of every step that the plan and its outcome made true."""
        slots = {record.index: record for record in records}
        created = {action.slot: vm.name for action, vm in outcome.created}
        for incident in self._open_failures(model):
            slot = incident.fault.slot
            if slot is None or slot not in slots:
                self._reporter.clear(incident.id, "the slot was given up (scale-in)")
                continue
            if slot in created:
                self._created(incident, created[slot])
            occupants = [vm for vm in snapshot.vms if vm.slot == slot and not vm.released]
            for occupant in occupants:
                if occupant.vm.uid != incident.fault.resource.uid:
                    self._succeeded(model, incident, occupant)
            self._not_replaced(incident, slots[slot])
        self._tell_number(model, snapshot, records)

    def history(self, model: VNFReplicaSet) -> History:
        """The last failure and the last recovery of a set, as far as this process saw them."""
        failures = [i for i in self._failures(model) if i.fault.slot is not None]
        last = max(failures, key=lambda incident: incident.fault.detected_at, default=None)
        failure = None
        if last is not None and last.fault.slot is not None:
            failure = LastFailure(
                vmi=last.fault.resource.name,
                slot=last.fault.slot,
                node=last.fault.node,
                cause=last.fault.cause[:63],
                time=last.fault.detected_at,
                incident=last.id,
            )
        return History(failure, self._recoveries.get(model.metadata.uid))

    def set_gone(self, key: SetKey) -> None:
        """A VNFReplicaSet was deleted: nobody recovers its VMs any more."""
        for incident in self._book.open_incidents():
            resource = incident.fault.resource
            of_set = resource.namespace == key[0] and key[1] in {incident.fault.vnf, resource.name}
            if of_set and (incident.fault.vnf or resource.kind == "VNFReplicaSet"):
                self._reporter.clear(incident.id, "the VNFReplicaSet was deleted")

    def _open_failures(self, model: VNFReplicaSet) -> list[Incident]:
        meta = model.metadata
        return [
            incident
            for incident in self._book.open_incidents()
            if incident.fault.kind is FaultKind.VM_FAILED
            and incident.fault.vnf == meta.name
            and incident.fault.resource.namespace == meta.namespace
        ]

    def _failures(self, model: VNFReplicaSet) -> list[Incident]:
        known = model.status.last_failure if model.status else None
        return [i for i in self._open_failures(model) if known is None or i.fault.detected_at > known.time]

    def _created(self, incident: Incident, new_vm: str) -> None:
        self._act(incident, ActionName.REPLACEMENT_CREATED, "Succeeded", f"replacement {new_vm} created", new_vm)

    def _succeeded(self, model: VNFReplicaSet, incident: Incident, occupant: SlotVm) -> None:
        name = occupant.vm.name
        self._created(incident, name)
        if not occupant.ready:
            return
        milliseconds = self._act(
            incident, ActionName.REPLACEMENT_RUNNING, "Succeeded", f"replacement {name} is ready", name
        )
        self._reporter.clear(incident.id, f"slot {occupant.slot} is served by {name}")
        self._recoveries[model.metadata.uid] = LastRecovery(
            vmi=name,
            slot=occupant.slot,
            time=self._clock.now(),
            duration_seconds=milliseconds // 1000,
            incident=incident.id,
        )

    def _not_replaced(self, incident: Incident, record: SlotRecord) -> None:
        if record.uid != incident.fault.resource.uid:
            return
        if record.state is SlotState.HELD:
            self._act(incident, ActionName.HELD, "Held", record.message or record.reason)
        elif record.state is SlotState.QUARANTINED:
            self._act(incident, ActionName.ABANDONED, "GivenUp", record.message)

    def _act(self, incident: Incident, name: ActionName, outcome: str, message: str, new_vm: str = "") -> int:
        now = self._clock.now()
        milliseconds = max(round((now - incident.fault.detected_at).total_seconds() * 1000), 0)
        step = Step(
            name.value,
            now,
            outcome=outcome,
            message=message,
            old_vm=incident.fault.resource.name,
            new_vm=new_vm,
            duration_ms=milliseconds,
        )
        self._reporter.act(incident.id, step)
        return milliseconds

    def _tell_number(self, model: VNFReplicaSet, snapshot: Snapshot, records: tuple[SlotRecord, ...]) -> None:
        """Below the desired number because VMs were lost; a set that is still being scaled out lost none."""
        spec = snapshot.spec
        ready = sum(1 for vm in snapshot.vms if vm.ready)
        meta = model.metadata
        resource = ResourceRef("VNFReplicaSet", meta.namespace, meta.name, meta.uid)
        if ready < spec.replicas and any(record.state in LOST_STATES for record in records):
            fault = Fault(
                kind=FaultKind.REPLICAS_BELOW,
                resource=resource,
                cause=CAUSE_BELOW,
                message=f"{ready} of {spec.replicas} VMs are ready",
                severity=Severity.MAJOR if ready else Severity.CRITICAL,
                confidence=Confidence.HIGH,
                detected_at=self._clock.now(),
                vnf=meta.name,
            )
            self._reporter.raise_fault(fault, self._clock.monotonic())
        elif ready >= spec.replicas:
            known = self._book.open_incident(resource, FaultKind.REPLICAS_BELOW)
            if known is not None:
                self._reporter.clear(known.id, f"{ready} of {spec.replicas} VMs are ready")
