"""The story of what happened as Kubernetes Events, on the objects that it happened to."""

from collections.abc import Callable, Mapping
from typing import Final

from nfvi_ha.api.names import API_VERSION
from nfvi_ha.core.fault import FaultKind, ResourceRef
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step
from nfvi_ha.kube.recorder import EventRecorder, EventType
from nfvi_ha.operator import reasons
from nfvi_ha.operator.world import EndpointEntry, PolicyEntry, SetEntry

KUBEVIRT_API: Final = "kubevirt.io/v1"
FAULT_REASONS: Final[Mapping[FaultKind, str]] = {
    FaultKind.VM_FAILED: reasons.VM_FAILED,
    FaultKind.VM_UNREADY: reasons.VM_UNREADY,
    FaultKind.VM_PAUSED: reasons.VM_PAUSED,
    FaultKind.REPLICAS_BELOW: reasons.REPLICAS_BELOW,
    FaultKind.VM_STUCK: reasons.VM_STUCK,
    FaultKind.HYPERVISOR_FAILED: reasons.HYPERVISOR_FAILED,
    FaultKind.HYPERVISOR_UNREACHABLE: reasons.HYPERVISOR_UNREACHABLE,
    FaultKind.HYPERVISOR_NETWORK: reasons.NETWORK_FAULT,
    FaultKind.AGENT_LOST: reasons.AGENT_LOST,
    FaultKind.AGENT_OVERFLOW: reasons.AGENT_OVERFLOW,
    FaultKind.MASS_FAILURE: reasons.MASS_FAILURE,
    FaultKind.REDUNDANCY_LOST: reasons.REDUNDANCY_LOST,
    FaultKind.PROCESS_FAILED: reasons.PROCESS_FAILED,
    FaultKind.PROCESS_HUNG: reasons.PROCESS_HUNG,
    FaultKind.PROCESS_FLAPPING: reasons.PROCESS_FLAPPING,
    FaultKind.LINK_DOWN: reasons.LINK_DOWN,
    FaultKind.STORAGE_PATH_DEGRADED: reasons.STORAGE_PATH_DEGRADED,
    FaultKind.STORAGE_PATH_FAILED: reasons.STORAGE_PATH_FAILED,
    FaultKind.STORAGE_PATH_SLOW: reasons.STORAGE_PATH_SLOW,
    FaultKind.HARDWARE_FAILED: reasons.HARDWARE_FAILED,
    FaultKind.HARDWARE_DEGRADED: reasons.HARDWARE_DEGRADED,
}


class Story:
    """Emits Events, of the leader only: one story is enough."""

    def __init__(self, recorder: EventRecorder, leading: Callable[[], bool], namespace: str) -> None:
        self._recorder = recorder
        self._leading = leading
        self._namespace = namespace

    def step(self, incident: Incident, step: Step) -> None:
        """A fault was raised, or is over, on the resource it is about."""
        if not self._leading():
            return
        fault = incident.fault
        regarding = regarding_of(fault.resource, self._namespace)
        if step.name == STEP_RAISED:
            note = f"{fault.cause}: {fault.message}"
            self._recorder.emit(regarding, reasons.WARNING, FAULT_REASONS[fault.kind], note, "Report")
        elif step.name == STEP_CLEARED:
            note = f"{fault.kind}: {step.message} ({incident.id})"
            self._recorder.emit(regarding, reasons.NORMAL, reasons.FAULT_CLEARED, note, "Recover")

    def learned(self, before: Incident | None, after: Incident) -> None:
        """A sentinel was first: its words are told as if they were ours, for it speaks of the whole Node only."""
        if after.fault.resource.kind == "Hypervisor":
            return
        if before is None and not after.cleared:
            self.step(after, after.steps[0])
        elif before is not None and not before.cleared and after.cleared:
            self.step(after, after.steps[-1])

    def of_set(self, entry: SetEntry, type_: EventType, reason: str, note: str) -> None:
        """Something happened to a VNFReplicaSet."""
        regarding = _reference("VNFReplicaSet", entry.name, entry.uid) | {"namespace": entry.namespace}
        self._recorder.emit(regarding, type_, reason, note, "Reconcile")

    def of_endpoint(self, entry: EndpointEntry, type_: EventType, reason: str, note: str) -> None:
        """Something happened to a VIMEndpoint."""
        if self._leading():
            self._recorder.emit(_reference("VIMEndpoint", entry.name, entry.uid), type_, reason, note, "Deliver")

    def of_policy(self, entry: PolicyEntry, type_: EventType, reason: str, note: str) -> None:
        """Something happened to an HAPolicy."""
        self._recorder.emit(_reference("HAPolicy", entry.name, entry.uid), type_, reason, note, "Reconcile")


def regarding_of(resource: ResourceRef, namespace: str) -> dict[str, str]:
    """The object that an Event on this resource is on; ours that are no objects have theirs in our namespace."""
    kind, name = resource.kind, resource.name
    match kind:
        case "Hypervisor" | "HypervisorComponent":
            node = name.partition("/")[0]
            # A node's name as its uid is what kubelets write, and what `kubectl describe node` looks for.
            return {"apiVersion": "v1", "kind": "Node", "name": node, "uid": node}
        case "Sentinel" | "OperatorReplica":
            return {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name}
        case "NFVI":
            return {"apiVersion": "v1", "kind": "Namespace", "namespace": namespace, "name": namespace}
    api = KUBEVIRT_API if kind == "VirtualMachineInstance" else API_VERSION
    return {"apiVersion": api, "kind": kind, "namespace": resource.namespace, "name": name, "uid": resource.uid}


def _reference(kind: str, name: str, uid: str) -> dict[str, str]:
    return {"apiVersion": API_VERSION, "kind": kind, "name": name, "uid": uid}
