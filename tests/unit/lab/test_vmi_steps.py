"""What the lab's virt-controller does next, VMI by VMI."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nfvi_ha.api.names import KUBEVIRT_FINALIZER, KUBEVIRT_NODE_NAME
from nfvi_ha.lab.cluster.vmi_steps import (
    CreatePod,
    DeletePod,
    PatchPod,
    PatchVmi,
    ReplaceVmi,
    current_pod,
    next_steps,
    ready_condition,
)
from nfvi_ha.lab.objects import UNPAUSED_GATE

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
STAMP = "2026-01-02T03:04:05Z"


def vmi(phase: str = "", *, deleting: bool = False, **status: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "vm", "namespace": "ns", "uid": "v", "resourceVersion": "7"}
    if phase:
        metadata["finalizers"] = ["other", KUBEVIRT_FINALIZER]
    if deleting:
        metadata["deletionTimestamp"] = STAMP
    body: dict[str, Any] = {"metadata": metadata, "spec": {"domain": {"devices": {}}}}
    if phase or status:
        body["status"] = {"phase": phase, **status}
    return body


def pod(name: str = "p", *, phase: str = "Running", state: str = "running", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "creationTimestamp": STAMP, **metadata},
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True"}, {"type": UNPAUSED_GATE, "status": "True",
                            "reason": "NotPaused", "message": "the virtual machine is not paused"}],
            "containerStatuses": [{"name": "compute", "state": {state: {"exitCode": 1}}}],
        },
    }  # fmt: skip


def ready(status: str, reason: str = "", message: str = "") -> dict[str, Any]:
    given = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {name: value for name, value in given.items() if value}


TERMINATING = ready("False", "PodTerminating", "virt-launcher pod is terminating")


def test_the_first_write_takes_the_finalizer_and_goes_pending() -> None:
    (step,) = next_steps(vmi(), [], NOW)
    assert isinstance(step, ReplaceVmi)
    assert step.body["metadata"]["finalizers"] == [KUBEVIRT_FINALIZER]
    assert step.body["status"]["phase"] == "Pending"
    assert step.body["status"]["phaseTransitionTimestamps"] == [{"phase": "Pending", "phaseTransitionTimestamp": STAMP}]
    assert step.body["metadata"]["resourceVersion"] == "7"


def test_pending_without_a_pod_gets_one() -> None:
    assert next_steps(vmi("Pending"), [], NOW) == [CreatePod()]


def test_pending_with_a_pod_is_scheduling() -> None:
    (step,) = next_steps(vmi("Pending"), [pod(phase="Pending", state="waiting")], NOW)
    assert isinstance(step, ReplaceVmi)
    assert step.body["status"]["phase"] == "Scheduling"


def test_a_running_pod_hands_the_vmi_over_to_its_node() -> None:
    (step,) = next_steps(vmi("Scheduling"), [pod()], NOW)
    assert isinstance(step, ReplaceVmi)
    status = step.body["status"]
    assert (status["phase"], status["nodeName"]) == ("Scheduled", "node-1")
    assert status["activePods"] == {"uid-p": "node-1"}
    assert step.body["metadata"]["labels"][KUBEVIRT_NODE_NAME] == "node-1"


def test_unschedulable_is_shown_and_taken_away_again() -> None:
    waiting = pod(phase="Pending", state="waiting")
    waiting["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    ]
    (step,) = next_steps(vmi("Scheduling"), [waiting], NOW)
    assert isinstance(step, ReplaceVmi)
    shown = step.body
    assert [c["message"] for c in shown["status"]["conditions"] if c["type"] == "PodScheduled"] == ["no room"]
    assert next_steps(shown, [waiting], NOW) == []
    waiting["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    (step,) = next_steps(shown, [waiting], NOW)
    assert isinstance(step, ReplaceVmi)
    assert [c for c in step.body["status"]["conditions"] if c["type"] == "PodScheduled"] == []


@pytest.mark.parametrize("pods", [[], [pod(state="terminated", phase="Failed")]])
def test_a_pod_lost_while_scheduling_fails_the_vmi_with_a_time(pods: list[dict[str, Any]]) -> None:
    (step,) = next_steps(vmi("Scheduling"), pods, NOW)
    assert isinstance(step, ReplaceVmi)
    assert step.body["status"]["phase"] == "Failed"
    assert step.body["status"]["phaseTransitionTimestamps"][-1]["phase"] == "Failed"


@pytest.mark.parametrize("phase", ["Scheduled", "Running"])
def test_a_pod_that_vanished_fails_the_vmi_by_a_guarded_patch_without_a_time(phase: str) -> None:
    (step,) = next_steps(vmi(phase), [], NOW)
    assert isinstance(step, PatchVmi)
    assert {"op": "test", "path": "/status/phase", "value": phase} in step.operations
    assert {"op": "replace", "path": "/status/phase", "value": "Failed"} in step.operations
    assert not any("phaseTransitionTimestamps" in item["path"] for item in step.operations)


def test_a_crashed_launcher_leaves_the_phase_alone() -> None:
    (step,) = next_steps(vmi("Running", conditions=[ready("True")]), [pod(state="terminated", phase="Failed")], NOW)
    assert isinstance(step, PatchVmi)
    assert [item["path"] for item in step.operations] == ["/status/conditions", "/status/conditions"]
    assert step.operations[0] == {"op": "test", "path": "/status/conditions", "value": [ready("True")]}
    (condition,) = step.operations[1]["value"]
    assert (condition["status"], condition["reason"]) == ("False", "PodTerminating")


def test_what_says_the_same_already_is_not_written_again() -> None:
    assert next_steps(vmi("Running", conditions=[ready("True")]), [pod()], NOW) == []


def test_deletion_deletes_every_pod_once() -> None:
    pods = [pod("a"), pod("b", deletionTimestamp=STAMP)]
    steps = next_steps(vmi("Running", deleting=True, conditions=[TERMINATING]), pods, NOW)
    assert [step for step in steps if isinstance(step, DeletePod)] == [DeletePod("a", "uid-a")]


def test_the_finalizer_goes_when_the_vmi_is_final_and_has_no_pod() -> None:
    assert not any(
        isinstance(step, PatchVmi) and "finalizers" in step.operations[0]["path"]
        for step in next_steps(vmi("Failed"), [pod(state="terminated", phase="Succeeded")], NOW)
    )
    (step,) = next_steps(vmi("Failed"), [], NOW)
    assert isinstance(step, PatchVmi)
    assert step.operations[-1] == {"op": "replace", "path": "/metadata/finalizers", "value": ["other"]}


def test_a_vmi_deleted_before_it_had_a_pod_fails_so_that_it_can_go() -> None:
    (step,) = next_steps(vmi("Pending", deleting=True), [], NOW)
    assert isinstance(step, ReplaceVmi)
    assert step.body["status"]["phase"] == "Failed"


def test_a_paused_vm_closes_the_pods_readiness_gate() -> None:
    paused = vmi("Running", conditions=[ready("True"), {"type": "Paused", "status": "True", "reason": "PausedIOError"}])
    (step,) = next_steps(paused, [pod()], NOW)
    assert isinstance(step, PatchPod)
    (gate,) = [item for item in step.operations[-1]["value"] if item["type"] == UNPAUSED_GATE]
    assert gate["status"] == "False"


@pytest.mark.parametrize(
    ("phase", "launcher", "expected"),
    [
        ("Running", None, ("False", "PodNotExists")),
        ("Running", pod(phase="Failed"), ("False", "PodTerminating")),
        ("Running", pod(deletionTimestamp=STAMP), ("False", "PodTerminating")),
        ("Running", pod(state="terminated"), ("False", "PodTerminating")),
        ("Scheduled", pod(), ("False", "GuestNotRunning")),
        ("Running", pod(), ("True", None)),
    ],
)
def test_ready_reasons(phase: str, launcher: dict[str, Any] | None, expected: tuple[str, str | None]) -> None:
    condition = ready_condition(vmi(phase), launcher)
    assert (condition["status"], condition.get("reason")) == expected


def test_ready_is_missing_while_the_pod_says_nothing() -> None:
    silent = pod()
    silent["status"]["conditions"] = []
    assert ready_condition(vmi("Running"), silent)["reason"] == "PodConditionMissing"


def test_the_pod_that_is_up_counts_before_newer_ones_that_are_down() -> None:
    newer = pod("new", phase="Failed", creationTimestamp="2027-01-01T00:00:00Z")
    assert current_pod([newer, pod("old")]) == pod("old")
    assert current_pod([]) is None
