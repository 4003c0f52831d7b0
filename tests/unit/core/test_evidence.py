"""When may a VM be assumed to be unable to write? (DESIGN section 5)"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.evidence import covers, find_evidence
from nfvi_ha.core.fault import Evidence, EvidenceKind
from nfvi_ha.core.views import PodView, VmView

from .builders import T0, after, failed_vm, make_pod, make_vm

FRESH = {"node-1", "node-2"}
FAILED = failed_vm()


def source(vm: VmView, *pods: object, fresh: set[str] = FRESH) -> str:
    evidence = find_evidence(vm, pods, fresh, T0)  # type: ignore[arg-type]
    return f"{evidence.kind}:{evidence.source}" if evidence else ""


@pytest.mark.parametrize(
    ("what", "vm", "expected"),
    [
        ("written by virt-handler", FAILED, "ProcessGone:virt-handler@node-1"),
        ("Succeeded counts as well", failed_vm(phase="Succeeded"), "ProcessGone:virt-handler@node-1"),
        ("a stamp, but the writer is not known", replace(FAILED, phase_writer=""), ""),
        ("no stamp: virt-controller's patch", replace(FAILED, phase_times=make_vm().phase_times), ""),
        ("neither stamp nor writer", replace(FAILED, phase_times=(), phase_writer=""), ""),
        ("stamped, but written by virt-controller", replace(FAILED, phase_writer="virt-controller"), ""),
        ("KubeVirt's node controller gave up on the node", replace(FAILED, reason="NodeUnresponsive"), ""),
        ("not final", make_vm(), ""),
        ("on no node", replace(FAILED, node=""), ""),
    ],
)
def test_final_phase_is_evidence_only_by_virt_handler(what: str, vm: VmView, expected: str) -> None:
    assert source(vm) == expected, what


def test_final_phase_of_a_stale_node_is_no_evidence() -> None:
    assert source(FAILED, fresh={"node-2"}) == ""


RUNNING = make_vm()
ENDED_POD = make_pod(RUNNING, compute_exit_code=137)


@pytest.mark.parametrize(
    ("what", "pods", "expected"),
    [
        ("terminated", [ENDED_POD], "ProcessGone:kubelet@node-1"),
        ("terminated with exit code 0", [replace(ENDED_POD, compute_exit_code=0)], "ProcessGone:kubelet@node-1"),
        ("still running", [make_pod(RUNNING)], ""),
        ("being deleted is not ended", [make_pod(RUNNING, deleting_since=T0)], ""),
        ("phase Failed is not the kubelet's word on compute", [make_pod(RUNNING, phase="Failed")], ""),
        ("written by pod garbage collection", [replace(ENDED_POD, status_writer="kube-controller-manager")], ""),
        ("no pod at all", [], ""),
        ("another VM's pod", [replace(ENDED_POD, vmi_uid="uid-other")], ""),
        ("an active pod that nobody sees", [replace(ENDED_POD, uid="pod-other")], ""),
    ],
)
def test_compute_terminated_is_evidence_when_the_kubelet_says_so(what: str, pods: list[object], expected: str) -> None:
    assert source(RUNNING, *pods) == expected, what


def test_compute_terminated_on_a_stale_node_is_no_evidence() -> None:
    assert source(RUNNING, ENDED_POD, fresh={"node-2"}) == ""


def test_during_a_migration_both_pods_must_have_ended() -> None:
    target = make_pod(RUNNING, uid="pod-target", node="node-2")
    vm = replace(RUNNING, migrating=True, active_pods=((ENDED_POD.uid, "node-1"), ("pod-target", "node-2")))

    assert source(vm, ENDED_POD, target) == ""
    assert source(vm, ENDED_POD) == ""
    assert source(vm, ENDED_POD, replace(target, compute_exit_code=1), fresh={"node-1"}) == ""
    assert source(vm, ENDED_POD, replace(target, compute_exit_code=1)).startswith("ProcessGone:kubelet@")


def test_a_pod_of_another_node_says_nothing_about_the_present_one() -> None:
    vm = replace(RUNNING, node="node-2", active_pods=())

    assert source(vm, ENDED_POD) == ""


NEVER = make_vm(phase="Failed", phase_writer="virt-controller", node="", active_pods=(), phase_times=(("Failed", T0),))


@pytest.mark.parametrize(
    ("what", "vm", "expected"),
    [
        ("never scheduled", NEVER, "NeverStarted:api"),
        ("not final yet", replace(NEVER, phase="Scheduling"), ""),
        ("a node was assigned", replace(NEVER, node="node-1"), ""),
        ("a pod is active", replace(NEVER, active_pods=(("pod", "node-1"),)), ""),
        ("it was Scheduled once", replace(NEVER, phase_times=(("Scheduled", T0), ("Failed", T0))), ""),
        ("it was Running once", replace(NEVER, phase_times=(("Running", T0), ("Failed", T0))), ""),
    ],
)
def test_a_vm_that_no_node_was_asked_to_run_cannot_write(what: str, vm: VmView, expected: str) -> None:
    assert source(vm) == expected, what


VMS = st.builds(
    make_vm,
    phase=st.sampled_from(["", "Pending", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed", "Unknown"]),
    node=st.sampled_from(["", "node-1", "node-2"]),
    phase_writer=st.sampled_from(["", "virt-handler", "virt-controller"]),
    reason=st.sampled_from(["", "NodeUnresponsive"]),
    phase_times=st.sets(st.sampled_from(["Scheduled", "Running", "Failed", "Succeeded"])).map(
        lambda phases: tuple((phase, after(0)) for phase in sorted(phases))
    ),
    active_pods=st.sampled_from([(), (("pod-web-0-1", "node-1"),), (("p1", "node-1"), ("p2", "node-2"))]),
)
PODS = st.builds(
    make_pod,
    st.just(make_vm()),
    uid=st.sampled_from(["pod-web-0-1", "p1", "p2"]),
    node=st.sampled_from(["", "node-1", "node-2"]),
    phase=st.sampled_from(["Running", "Failed", "Succeeded"]),
    deleting_since=st.sampled_from([None, T0]),
    compute_exit_code=st.sampled_from([None, 0, 137]),
    status_writer=st.sampled_from(["", "kubelet", "kube-controller-manager"]),
)


@given(vm=VMS, pods=st.lists(PODS, max_size=3))
def test_nothing_is_evidence_of_a_started_vm_while_no_node_is_heard(vm: VmView, pods: list[object]) -> None:
    evidence = find_evidence(vm, pods, set(), T0)  # type: ignore[arg-type]

    assert evidence is None or (evidence.kind is EvidenceKind.NEVER_STARTED and vm.final and not vm.node)


@given(vm=VMS, pods=st.lists(PODS, max_size=3))
def test_taking_pods_away_never_makes_evidence(vm: VmView, pods: list[object]) -> None:
    with_pods = find_evidence(vm, pods, FRESH, T0)  # type: ignore[arg-type]
    without = find_evidence(vm, [], FRESH, T0)

    assert without is None or with_pods is not None


WORD = Evidence(EvidenceKind.PROCESS_GONE, "agent@node-1", "pid 7 reaped", T0)
ELSEWHERE = make_pod(RUNNING, uid="pod-2", node="node-2")


@pytest.mark.parametrize(
    ("what", "vm", "pods", "expected"),
    [
        ("the VM was there", RUNNING, [make_pod(RUNNING)], True),
        ("its pods are gone", replace(RUNNING, active_pods=()), [], True),
        ("the VM runs elsewhere", replace(RUNNING, node="node-2", active_pods=()), [], False),
        ("the VM is on no node yet", replace(RUNNING, node="", active_pods=()), [], False),
        ("the VM moves", replace(RUNNING, migrating=True), [make_pod(RUNNING)], False),
        ("a pod of it is elsewhere, too", RUNNING, [make_pod(RUNNING), ELSEWHERE], False),
        ("its status names one elsewhere", replace(RUNNING, active_pods=(("pod-2", "node-2"),)), [], False),
        ("the one elsewhere has ended", RUNNING, [make_pod(RUNNING), replace(ELSEWHERE, compute_exit_code=0)], True),
        ("another VM's pod is elsewhere", RUNNING, [replace(ELSEWHERE, vmi_uid="uid-other")], True),
    ],
)
def test_an_agents_word_covers_only_a_vm_on_its_node(
    what: str, vm: VmView, pods: list[PodView], expected: bool
) -> None:
    assert covers(WORD, vm, pods) is expected, what


def test_the_word_of_others_on_record_stands() -> None:
    assert covers(replace(WORD, source="virt-handler@node-1"), replace(RUNNING, node="node-2"), [])
