"""Small objects for tests, with sensible defaults."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nfvi_ha.api.names import FINALIZER_EVIDENCE, LABEL_ATTEMPT, LABEL_SLOT, LABEL_TEMPLATE_HASH
from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.replicaset.actions import CreateVm, DeleteVm
from nfvi_ha.core.replicaset.planner import Plan
from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord, SlotState, SlotVm, Snapshot
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.views import PodView, VmView

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
GONE = Evidence(EvidenceKind.PROCESS_GONE, "virt-handler@node-1", "phase Failed", T0)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def make_vm(name: str = "web-0-1", **values: Any) -> VmView:
    """A VM that is Running and Ready on node-1 since a minute before T0."""
    times = (("Scheduling", after(-62)), ("Scheduled", after(-61)), ("Running", after(-60)))
    defaults: dict[str, Any] = {
        "uid": f"uid-{name}",
        "namespace": "prod",
        "name": name,
        "phase": "Running",
        "phase_writer": "virt-handler",
        "phase_times": times,
        "node": "node-1",
        "ready": True,
        "ready_since": after(-58),
        "created_at": after(-63),
        "active_pods": ((f"pod-{name}", "node-1"),),
        "finalizers": (FINALIZER_EVIDENCE,),
    }
    return VmView(**{**defaults, **values})


def failed_vm(name: str = "web-0-1", *, at: float = 0, phase: str = "Failed", **values: Any) -> VmView:
    """A VM whose end virt-handler wrote."""
    vm = make_vm(name)
    return replace(vm, phase=phase, phase_times=(*vm.phase_times, (phase, after(at))), ready=False, **values)


def make_pod(vm: VmView, **values: Any) -> PodView:
    defaults: dict[str, Any] = {
        "uid": f"pod-{vm.name}",
        "namespace": vm.namespace,
        "name": f"virt-launcher-{vm.name}",
        "vmi_uid": vm.uid,
        "vmi_name": vm.name,
        "node": "node-1",
        "phase": "Running",
        "status_writer": "kubelet",
    }
    return PodView(**{**defaults, **values})


def make_spec(**values: Any) -> ReplicaSetSpec:
    defaults: dict[str, Any] = {"replicas": 3, "template_hash": "v1", "generation": 1}
    return ReplicaSetSpec(namespace="prod", name="web", uid="set-1", **{**defaults, **values})


def slot_vm(slot: int, attempt: int = 1, vm: VmView | None = None, *, template: str = "v1", **values: Any) -> SlotVm:
    vm = vm or make_vm(f"web-{slot}-{attempt}")
    labels = ((LABEL_ATTEMPT, str(attempt)), (LABEL_SLOT, str(slot)), (LABEL_TEMPLATE_HASH, template))
    return SlotVm(replace(vm, labels=labels), slot, attempt, **values)


def ended(slot: int, attempt: int = 1, *, at: float = 0, **values: Any) -> SlotVm:
    """A failed VM with evidence; it was Running for a minute (and ``at`` more seconds)."""
    values.setdefault("evidence", GONE)
    return slot_vm(slot, attempt, failed_vm(f"web-{slot}-{attempt}", at=at), **values)


def record_of(vm: SlotVm, state: SlotState = SlotState.READY, **values: Any) -> SlotRecord:
    return SlotRecord(vm.slot, vm.vm.name, vm.vm.uid, vm.vm.node, state, attempt=vm.attempt, **values)


def make_snapshot(
    *vms: SlotVm,
    spec: ReplicaSetSpec | None = None,
    records: tuple[SlotRecord, ...] | None = None,
    orphans: tuple[VmView, ...] = (),
    blocks: tuple[tuple[int, CreateBlock], ...] = (),
    now: datetime = T0,
) -> Snapshot:
    """By default each VM is on record as Ready."""
    known = tuple(record_of(vm) for vm in vms) if records is None else records
    return Snapshot(spec or make_spec(), vms, orphans, known, blocks, now)


def make_fault(kind: FaultKind = FaultKind.VM_FAILED, name: str = "web-0-1", **values: Any) -> Fault:
    defaults: dict[str, Any] = {
        "kind": kind,
        "resource": ResourceRef("VirtualMachineInstance", "prod", name, f"uid-{name}"),
        "cause": "QemuCrashed",
        "message": "it ended",
        "severity": Severity.CRITICAL,
        "confidence": Confidence.LOW,
        "detected_at": T0,
    }
    return Fault(**{**defaults, **values})


READY = (slot_vm(0), slot_vm(1), slot_vm(2))


def deleting(vm: SlotVm, **values: object) -> SlotVm:
    return replace(vm, vm=replace(vm.vm, deleting_since=T0), **values)  # type: ignore[arg-type]


def unready(vm: SlotVm, **values: object) -> SlotVm:
    return replace(vm, vm=replace(vm.vm, ready=False), **values)  # type: ignore[arg-type]


def states(decided: Plan) -> dict[int, SlotState]:
    return {record.index: record.state for record in decided.records}


def deleted(decided: Plan) -> list[int]:
    return [action.slot for action in decided.actions if isinstance(action, DeleteVm)]


def created(decided: Plan) -> list[tuple[int, int]]:
    return [(action.slot, action.attempt) for action in decided.actions if isinstance(action, CreateVm)]
