"""Which faults does a VM have, and which ends are none? (H2)"""

from dataclasses import replace

import pytest

from nfvi_ha.api.names import ANNOTATION_REPORT
from nfvi_ha.core.detection import Finding, Sight, find_faults
from nfvi_ha.core.evidence import find_evidence
from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.views import PodView, VmView

from .builders import T0, after, failed_vm, make_pod, make_vm

FRESH = {"node-1", "node-2"}
VM = make_vm()
POD = make_pod(VM)
CRASHED_POD = make_pod(VM, compute_exit_code=137, compute_reason="Error", compute_finished_at=after(-1))
NEVER = make_vm(phase="Failed", phase_writer="virt-controller", node="", active_pods=(), phase_times=(("Failed", T0),))
UNREADY = replace(VM, ready=False, ready_reason="NodeNotReady", ready_since=after(-5))


def look(vm: VmView, *pods: PodView, fresh: set[str] = FRESH) -> tuple[Finding, ...]:
    return find_faults(Sight(vm, pods, find_evidence(vm, pods, fresh, T0), T0, "web", 0))


def causes(vm: VmView, *pods: PodView, fresh: set[str] = FRESH) -> list[str]:
    return [f"{finding.fault.kind}:{finding.fault.cause}" for finding in look(vm, *pods, fresh=fresh)]


@pytest.mark.parametrize(
    ("what", "vm", "pods", "expected"),
    [
        ("qemu crashed", failed_vm(), [POD], "vm.failed:QemuCrashed"),
        ("virt-controller set Failed", failed_vm(phase_writer="virt-controller"), [], "vm.failed:FailedByController"),
        ("node unresponsive", failed_vm(reason="NodeUnresponsive"), [], "vm.failed:NodeUnresponsive"),
        ("failed before any node ran it", NEVER, [], "vm.failed:NeverStarted"),
        ("launcher crashed", VM, [CRASHED_POD], "vm.failed:LauncherCrashed"),
        ("launcher left", VM, [replace(CRASHED_POD, compute_exit_code=0)], "vm.failed:LauncherExited"),
        ("the pod vanished", VM, [], "vm.failed:PodGone"),
        ("the pod vanished, a migration's old one is left", VM, [make_pod(VM, node="node-2")], "vm.failed:PodGone"),
        ("the pod is being deleted", VM, [replace(POD, deleting_since=T0)], "vm.unready:PodTerminating"),
        ("ready no more", UNREADY, [POD], "vm.unready:NodeNotReady"),
        ("I/O error", replace(VM, paused_reason="PausedIOError"), [POD], "vm.paused:PausedIOError"),
    ],
)
def test_fault_has_its_cause(what: str, vm: VmView, pods: list[PodView], expected: str) -> None:
    assert causes(vm, *pods) == [expected], what


@pytest.mark.parametrize(
    ("what", "vm", "pods"),
    [
        ("it runs", VM, [POD]),
        ("deleted, and its pod went", replace(VM, deleting_since=T0), []),
        ("deleted, and its launcher ended", replace(VM, deleting_since=T0), [CRASHED_POD]),
        ("deleted, then Failed", failed_vm(deleting_since=after(-3)), []),
        ("deleted in the second it failed", failed_vm(deleting_since=T0), []),
        ("deleted before it was scheduled", replace(NEVER, deleting_since=after(-3)), []),
        ("shut down from inside", failed_vm(phase="Succeeded"), [replace(CRASHED_POD, compute_exit_code=0)]),
        ("paused by its user", replace(UNREADY, paused_reason="PausedByUser"), [POD]),
        ("migrating, the source ended", replace(VM, migrating=True), [CRASHED_POD, make_pod(VM, uid="t", node="n")]),
        (
            "migrated, the old pod ended",
            replace(VM, node="node-2"),
            [CRASHED_POD, make_pod(VM, uid="t", node="node-2")],
        ),
        ("it boots", replace(VM, ready=False, ready_since=after(-60)), [POD]),
        ("it waits for its pod", make_vm(phase="Pending", node="", phase_times=(), ready=None), []),
        ("its readiness is unknown", replace(VM, ready=None), [POD]),
        ("not to be reported", failed_vm(annotations=((ANNOTATION_REPORT, "false"),)), []),
    ],
)
def test_what_was_asked_for_or_is_normal_is_no_fault(what: str, vm: VmView, pods: list[PodView]) -> None:
    assert causes(vm, *pods) == [], what


def test_a_vm_that_failed_before_it_was_deleted_did_fail() -> None:
    assert causes(failed_vm(at=-10, deleting_since=T0)) == ["vm.failed:QemuCrashed"]


def test_a_failure_carries_its_evidence_and_stamp() -> None:
    (finding,) = look(failed_vm(at=-2), POD)

    assert not finding.unconfirmed
    assert finding.fault.confidence is Confidence.HIGH
    assert finding.fault.evidence is not None
    assert finding.fault.occurred_at == after(-2)
    assert (finding.fault.vnf, finding.fault.slot, finding.fault.node) == ("web", 0, "node-1")


def test_the_word_of_a_silent_node_is_reported_with_low_confidence() -> None:
    (finding,) = look(failed_vm(), POD, fresh=set())

    assert finding.fault.cause == "QemuCrashed"
    assert finding.fault.confidence is Confidence.LOW
    assert finding.fault.evidence is None


@pytest.mark.parametrize(
    ("pods", "reread"), [([CRASHED_POD], False), ([], True), ([replace(POD, deleting_since=T0)], False)]
)
def test_what_is_seen_on_pods_alone_is_to_be_confirmed(pods: list[PodView], reread: bool) -> None:
    (finding,) = look(VM, *pods)

    assert finding.unconfirmed
    assert finding.reread_pods is reread


def test_a_paused_vm_can_also_be_unready() -> None:
    terminating = replace(POD, deleting_since=T0)

    kinds = [finding.fault.kind for finding in look(replace(VM, paused_reason="PausedIOError"), terminating)]

    assert kinds == [FaultKind.VM_PAUSED]
