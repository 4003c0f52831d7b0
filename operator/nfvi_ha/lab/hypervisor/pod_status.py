"""The statuses a kubelet writes for a launcher pod: pure functions on JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nfvi_ha.lab.objects import COMPUTE, JsonObject, api_time, conditions_of, same_conditions, with_condition

KILLED = 137
"""Exit code of a container that was killed (128 + SIGKILL)."""


@dataclass(frozen=True, slots=True)
class Container:
    """The ``compute`` container of a pod that was started here."""

    container_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: the exit code as a container runtime gives it, and when."""

    exit_code: int
    finished_at: datetime


def container_exit_code(process_exit_code: int) -> int:
    """A process's end (negative: signal, as subprocess has it) as container exit code."""
    return 128 - process_exit_code if process_exit_code < 0 else process_exit_code


def running_patch(pod: JsonObject, container: Container, now: datetime) -> JsonObject | None:
    """Merge patch that shows the pod running and keeps Ready in step with the gates; None if it shows that already."""
    conditions = conditions_of(pod)
    for kind in ("Initialized", "ContainersReady"):
        conditions = with_condition(conditions, {"type": kind, "status": "True"}, now)
    conditions = with_condition(conditions, _ready(pod, conditions), now)
    status = pod.get("status") or {}
    if status.get("phase") == "Running" and same_conditions(conditions, conditions_of(pod)):
        return None
    return _patch(
        pod,
        {
            "phase": "Running",
            "conditions": conditions,
            "startTime": status.get("startTime") or api_time(container.started_at),
            "containerStatuses": [
                _container(pod, container, {"running": {"startedAt": api_time(container.started_at)}})
            ],
        },
    )


def ended_patch(pod: JsonObject, container: Container, ended: Ended, now: datetime) -> JsonObject:
    """Merge patch that shows the container terminated and the pod Succeeded or Failed (restartPolicy Never)."""
    clean = ended.exit_code == 0
    reason = "PodCompleted" if clean else "PodFailed"
    conditions = conditions_of(pod)
    for kind in ("ContainersReady", "Ready"):
        conditions = with_condition(conditions, {"type": kind, "status": "False", "reason": reason}, now)
    terminated = {
        "exitCode": ended.exit_code,
        "reason": "Completed" if clean else "Error",
        "startedAt": api_time(container.started_at),
        "finishedAt": api_time(ended.finished_at),
        "containerID": f"containerd://{container.container_id}",
    }
    return _patch(
        pod,
        {
            "phase": "Succeeded" if clean else "Failed",
            "conditions": conditions,
            "containerStatuses": [_container(pod, container, {"terminated": terminated})],
        },
    )


def _ready(pod: JsonObject, conditions: list[JsonObject]) -> JsonObject:
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or []]
    true = {item["type"] for item in conditions if item.get("status") == "True"}
    missing = [gate for gate in gates if gate not in true]
    if not missing:
        return {"type": "Ready", "status": "True"}
    return {
        "type": "Ready",
        "status": "False",
        "reason": "ReadinessGatesNotReady",
        "message": "; ".join(f'corresponding condition of pod readiness gate "{gate}" is not true' for gate in missing),
    }


def _container(pod: JsonObject, container: Container, state: dict[str, Any]) -> JsonObject:
    running = "running" in state
    return {
        "name": COMPUTE,
        "image": pod["spec"]["containers"][0].get("image", ""),
        "imageID": "",
        "containerID": f"containerd://{container.container_id}",
        "ready": running,
        "started": running,
        "restartCount": 0,
        "state": state,
    }


def _patch(pod: JsonObject, status: dict[str, Any]) -> JsonObject:
    # The resourceVersion makes the server refuse it if somebody else changed the (whole) list of conditions meanwhile.
    return {"metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]}, "status": status}
