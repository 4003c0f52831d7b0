"""The story of what happened as Kubernetes Events, on the objects that it happened to."""

from collections.abc import Callable, Mapping
from typing import Final

from nfvi_ha.api.names import API_VERSION
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step
from nfvi_ha.kube.recorder import EventRecorder, EventType
from nfvi_ha.operator import reasons
from nfvi_ha.operator.world import EndpointEntry, SetEntry

KUBEVIRT_API: Final = "kubevirt.io/v1"
FAULT_REASONS: Final[Mapping[FaultKind, str]] = {
    FaultKind.VM_FAILED: reasons.VM_FAILED,
    FaultKind.VM_UNREADY: reasons.VM_UNREADY,
    FaultKind.VM_PAUSED: reasons.VM_PAUSED,
    FaultKind.REPLICAS_BELOW: reasons.REPLICAS_BELOW,
}


class Story:
    """Emits Events, of the leader only: one story is enough."""

    def __init__(self, recorder: EventRecorder, leading: Callable[[], bool]) -> None:
        self._recorder = recorder
        self._leading = leading

    def step(self, incident: Incident, step: Step) -> None:
        """A fault was raised, or is over, on the resource it is about."""
        if not self._leading():
            return
        fault = incident.fault
        regarding = {
            "apiVersion": KUBEVIRT_API if fault.resource.kind == "VirtualMachineInstance" else API_VERSION,
            "kind": fault.resource.kind,
            "namespace": fault.resource.namespace,
            "name": fault.resource.name,
            "uid": fault.resource.uid,
        }
        if step.name == STEP_RAISED:
            note = f"{fault.cause}: {fault.message}"
            self._recorder.emit(regarding, reasons.WARNING, FAULT_REASONS[fault.kind], note, "Report")
        elif step.name == STEP_CLEARED:
            note = f"{fault.kind}: {step.message} ({incident.id})"
            self._recorder.emit(regarding, reasons.NORMAL, reasons.FAULT_CLEARED, note, "Recover")

    def of_set(self, entry: SetEntry, type_: EventType, reason: str, note: str) -> None:
        """Something happened to a VNFReplicaSet."""
        regarding = _reference("VNFReplicaSet", entry.name, entry.uid) | {"namespace": entry.namespace}
        self._recorder.emit(regarding, type_, reason, note, "Reconcile")

    def of_endpoint(self, entry: EndpointEntry, type_: EventType, reason: str, note: str) -> None:
        """Something happened to a VIMEndpoint."""
        if self._leading():
            self._recorder.emit(_reference("VIMEndpoint", entry.name, entry.uid), type_, reason, note, "Deliver")


def _reference(kind: str, name: str, uid: str) -> dict[str, str]:
    return {"apiVersion": API_VERSION, "kind": kind, "name": name, "uid": uid}
