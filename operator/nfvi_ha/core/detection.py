"""Which faults does a VM have now, by what the API shows? (H2; facts: KubeVirt 1.9, sections 2 and 3)

Level-triggered: the same objects give the same faults, after a restart and in every replica. What users asked for
(deletion, shutdown from inside, pause, migration) is no fault.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nfvi_ha.api import names
from nfvi_ha.core.evidence import said_by_virt_handler
from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.views import PodView, VmView

CAUSE_CRASHED: Final = "QemuCrashed"
CAUSE_LAUNCHER_CRASHED: Final = "LauncherCrashed"
CAUSE_LAUNCHER_EXITED: Final = "LauncherExited"
CAUSE_POD_GONE: Final = "PodGone"
CAUSE_POD_TERMINATING: Final = "PodTerminating"
CAUSE_NODE_UNRESPONSIVE: Final = "NodeUnresponsive"
CAUSE_FAILED_UNEXPLAINED: Final = "FailedByController"
CAUSE_IO_ERROR: Final = "PausedIOError"
CAUSE_NOT_READY: Final = "NotReady"
CAUSE_NEVER_STARTED: Final = "NeverStarted"
PAUSED_IO_ERROR: Final = "PausedIOError"


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is seen of one VM at one moment. ``pods`` are those that carry its uid."""

    vm: VmView
    pods: tuple[PodView, ...]
    evidence: Evidence | None
    now: datetime
    vnf: str = ""
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and whether it must be held against a fresh read of the VMI before it is reported.

    Pods and VMIs come by two watches: a deletion may be seen on the pod before it is seen on the VMI.
    """

    fault: Fault
    unconfirmed: bool = False
    reread_pods: bool = False
    """The fresh read must take in the launcher pods too: that none is seen may be a pod watch that lags behind."""


def find_faults(sight: Sight) -> tuple[Finding, ...]:
    """The faults the VM has now: at most one of vm.failed or vm.unready, and perhaps vm.paused."""
    vm = sight.vm
    if vm.annotation(names.ANNOTATION_REPORT) == "false" or _ended_on_request(vm):
        return ()
    failed = _failed_phase(sight) or _launcher_ended(sight) or _pod_gone(sight)
    if failed:
        return (failed,)
    return tuple(finding for finding in (_unready(sight), _paused(sight)) if finding)


def _ended_on_request(vm: VmView) -> bool:
    """Deleted, or shut down from inside. A VM that failed first and was deleted afterwards did not end on request."""
    if vm.phase == "Succeeded":
        return True
    if vm.deleting_since is None:
        return False
    failed_at = dict(vm.phase_times).get("Failed")
    return failed_at is None or failed_at >= vm.deleting_since


def _failed_phase(sight: Sight) -> Finding | None:
    vm = sight.vm
    if vm.phase != "Failed":
        return None
    if sight.evidence is not None and sight.evidence.kind is EvidenceKind.NEVER_STARTED:
        cause, message = CAUSE_NEVER_STARTED, f"VM ended before any node ran it: {sight.evidence.detail}"
    elif sight.evidence is not None:
        cause, message = CAUSE_CRASHED, f"VM ended, said {sight.evidence.source}: {sight.evidence.detail}"
    elif vm.reason == CAUSE_NODE_UNRESPONSIVE:
        cause, message = CAUSE_NODE_UNRESPONSIVE, f"KubeVirt holds node {vm.node} for unresponsive"
    elif said_by_virt_handler(vm):
        cause, message = CAUSE_CRASHED, f"virt-handler set phase Failed; node {vm.node} is not heard now"
    else:
        cause, message = CAUSE_FAILED_UNEXPLAINED, "KubeVirt set phase Failed; nobody on the node confirmed the end"
    return Finding(_fault(sight, FaultKind.VM_FAILED, cause, message, Severity.CRITICAL))


def _launcher_ended(sight: Sight) -> Finding | None:
    """The launcher died with qemu in its care, ahead of the VMI's phase (33-44 s ahead when it crashed)."""
    vm = sight.vm
    if vm.migrating or vm.deleting:
        return None
    ended = [pod for pod in _pods_here(sight) if pod.compute_exit_code is not None]
    if not ended or len(ended) < len(_pods_here(sight)):
        return None
    code = ended[0].compute_exit_code
    # Exit code 0 also ends a guest's own shutdown, whose phase comes by another watch: confirm either.
    cause = CAUSE_LAUNCHER_CRASHED if code else CAUSE_LAUNCHER_EXITED
    message = (
        f"virt-launcher pod {ended[0].name}: compute terminated, exit code {code} {ended[0].compute_reason}".strip()
    )
    return Finding(_fault(sight, FaultKind.VM_FAILED, cause, message, Severity.CRITICAL), unconfirmed=True)


def _pod_gone(sight: Sight) -> Finding | None:
    vm = sight.vm
    if vm.phase not in {"Scheduled", "Running"} or vm.deleting or _pods_here(sight):
        return None
    message = f"the virt-launcher pod vanished from the API while the VMI was {vm.phase}; qemu may still run"
    fault = _fault(sight, FaultKind.VM_FAILED, CAUSE_POD_GONE, message, Severity.CRITICAL)
    return Finding(fault, unconfirmed=True, reread_pods=True)


def _unready(sight: Sight) -> Finding | None:
    """Ready before and not any more, or about to be taken away. That it boots is no fault."""
    vm = sight.vm
    if vm.phase != "Running" or vm.migrating or vm.paused_reason or vm.deleting:
        return None
    terminating = [pod for pod in _pods_here(sight) if pod.deleting_since is not None]
    if terminating:
        message = f"virt-launcher pod {terminating[0].name} is being deleted, the VMI is not"
        return Finding(
            _fault(sight, FaultKind.VM_UNREADY, CAUSE_POD_TERMINATING, message, Severity.MAJOR), unconfirmed=True
        )
    if not vm.lost_readiness:
        return None
    cause = vm.ready_reason or CAUSE_NOT_READY
    return Finding(_fault(sight, FaultKind.VM_UNREADY, cause, f"Ready is False: {cause}", Severity.MAJOR))


def _paused(sight: Sight) -> Finding | None:
    vm = sight.vm
    if vm.paused_reason != PAUSED_IO_ERROR or vm.final:
        return None
    message = "KubeVirt froze the VM on a storage I/O error"
    return Finding(_fault(sight, FaultKind.VM_PAUSED, CAUSE_IO_ERROR, message, Severity.CRITICAL))


def _pods_here(sight: Sight) -> list[PodView]:
    """Pods on the VM's present node: a migration's other pod says nothing about it."""
    return [pod for pod in sight.pods if not sight.vm.node or pod.node == sight.vm.node]


def _fault(sight: Sight, kind: FaultKind, cause: str, message: str, severity: Severity) -> Fault:
    vm = sight.vm
    sure = sight.evidence is not None or kind is FaultKind.VM_PAUSED
    return Fault(
        kind=kind,
        resource=ResourceRef("VirtualMachineInstance", vm.namespace, vm.name, vm.uid),
        cause=cause,
        message=message,
        severity=severity,
        confidence=Confidence.HIGH if sure else Confidence.LOW,
        detected_at=sight.now,
        occurred_at=_occurred_at(sight, kind),
        node=vm.node,
        vnf=sight.vnf,
        slot=sight.slot,
        evidence=sight.evidence if kind is FaultKind.VM_FAILED else None,
    )


def _occurred_at(sight: Sight, kind: FaultKind) -> datetime | None:
    if kind is FaultKind.VM_UNREADY:
        return sight.vm.ready_since
    if kind is FaultKind.VM_PAUSED:
        return None
    finished = [pod.compute_finished_at for pod in sight.pods if pod.compute_finished_at]
    return dict(sight.vm.phase_times).get("Failed") or (min(finished) if finished else None)
