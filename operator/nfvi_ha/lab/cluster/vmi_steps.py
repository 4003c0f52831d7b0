"""What virt-controller does next for one VMI: a pure function from the VMI and its pods to steps.

As in KubeVirt, the controller owns the object until Scheduled and replaces it whole, with phase transition
timestamps; from Scheduled on virt-handler owns it, and the controller only sends JSON patches guarded by ``test``.
One difference, because the lab has no webhooks: the finalizer and the phase Pending, which KubeVirt's webhook puts
into the object at creation, are this controller's first write.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_FINALIZER, KUBEVIRT_NODE_NAME
from nfvi_ha.lab.objects import (
    COMPUTE,
    UNPAUSED_GATE,
    JsonObject,
    condition_of,
    conditions_of,
    deleting,
    name_of,
    phase_of,
    pod_down,
    same_conditions,
    set_phase,
    uid_of,
    with_condition,
    without_condition,
)

FINAL: Final = ("Succeeded", "Failed")
OWNED_BY_CONTROLLER: Final = ("", "Pending", "Scheduling")
_OBSERVED: Final = {
    "kubevirt.io/latest-observed-api-version": "v1",
    "kubevirt.io/storage-observed-api-version": "v1",
}


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the launcher pod."""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Ask for a launcher pod's deletion, with its own grace period."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ReplaceVmi:
    """Write the whole VMI (carries the resourceVersion it was decided on)."""

    body: JsonObject


@dataclass(frozen=True, slots=True)
class PatchVmi:
    """Send a JSON patch that tests what it was decided on."""

    operations: list[JsonObject]


@dataclass(frozen=True, slots=True)
class PatchPod:
    """Send a JSON patch to the status of a launcher pod."""

    name: str
    operations: list[JsonObject]


Step = CreatePod | DeletePod | ReplaceVmi | PatchVmi | PatchPod


def current_pod(pods: Sequence[JsonObject]) -> JsonObject | None:
    """The launcher pod that counts: the newest that is up, else the newest."""
    ordered = sorted(pods, key=lambda pod: (not pod_down(pod), pod["metadata"]["creationTimestamp"], name_of(pod)))
    return ordered[-1] if ordered else None


def next_steps(vmi: JsonObject, pods: Sequence[JsonObject], now: datetime) -> list[Step]:
    """The steps due now, in order. An empty list: wait for the next change."""
    pod = current_pod(pods)
    steps: list[Step] = []
    if deleting(vmi):
        steps += [DeletePod(name_of(item), uid_of(item)) for item in pods if not deleting(item)]
    if phase_of(vmi) in OWNED_BY_CONTROLLER:
        return steps + _owned(vmi, pod, now)
    return steps + _handed_over(vmi, pod, now)


def _owned(vmi: JsonObject, pod: JsonObject | None, now: datetime) -> list[Step]:
    phase = phase_of(vmi)
    if phase == "" and not deleting(vmi):
        return [ReplaceVmi(_first_write(vmi, now))]
    if pod is None and phase == "Pending" and not deleting(vmi):
        return [CreatePod()]
    new = copy.deepcopy(vmi)
    status = new.setdefault("status", {})
    conditions = with_condition(conditions_of(vmi), ready_condition(vmi, pod), now)
    if pod is None or pod_down(pod):
        if pod is None or not deleting(vmi):
            set_phase(new, "Failed", now)
    elif phase in ("", "Pending"):
        set_phase(new, "Scheduling", now)
    else:
        conditions = _scheduling_conditions(conditions, pod, now)
        if _compute_running(pod):
            _hand_over(new, pod, now)
    if not same_conditions(conditions, conditions_of(vmi)):
        status["conditions"] = conditions
    return [ReplaceVmi(new)] if new != vmi else []


def _first_write(vmi: JsonObject, now: datetime) -> JsonObject:
    new = copy.deepcopy(vmi)
    metadata = new["metadata"]
    metadata["finalizers"] = [*(metadata.get("finalizers") or []), KUBEVIRT_FINALIZER]
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **_OBSERVED}
    set_phase(new, "Pending", now)
    return new


def _hand_over(new: JsonObject, pod: JsonObject, now: datetime) -> None:
    """Scheduled: from here on the VMI is virt-handler's."""
    node = pod["spec"]["nodeName"]
    new["metadata"].setdefault("labels", {})[KUBEVIRT_NODE_NAME] = node
    status = new["status"]
    status["nodeName"] = node
    status["activePods"] = {uid_of(pod): node}
    status["qosClass"] = (pod.get("status") or {}).get("qosClass", "Burstable")
    set_phase(new, "Scheduled", now)


def _scheduling_conditions(conditions: list[JsonObject], pod: JsonObject, now: datetime) -> list[JsonObject]:
    """PodScheduled=False is shown on the VMI while its pod finds no node, and taken away after."""
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False":
        return with_condition(conditions, _plain(scheduled), now)
    return without_condition(conditions, "PodScheduled")


def _handed_over(vmi: JsonObject, pod: JsonObject | None, now: datetime) -> list[Step]:
    phase = phase_of(vmi)
    if phase in FINAL and pod is None and KUBEVIRT_FINALIZER in (vmi["metadata"].get("finalizers") or []):
        return [PatchVmi(_remove_finalizer(vmi))]
    operations: list[JsonObject] = []
    conditions = with_condition(conditions_of(vmi), ready_condition(vmi, pod), now)
    if not same_conditions(conditions, conditions_of(vmi)):
        operations += _replace(conditions_of(vmi), conditions)
    if pod is None and phase not in FINAL:
        operations += [
            {"op": "test", "path": "/status/phase", "value": phase},
            {"op": "replace", "path": "/status/phase", "value": "Failed"},
        ]
    steps: list[Step] = [PatchVmi(operations)] if operations else []
    gate = _unpaused_gate(vmi, pod, now)
    return [*steps, gate] if gate else steps


def _unpaused_gate(vmi: JsonObject, pod: JsonObject | None, now: datetime) -> PatchPod | None:
    if pod is None or pod_down(pod) or phase_of(vmi) in FINAL:
        return None
    paused = (condition_of(vmi, "Paused") or {}).get("status") == "True"
    wanted = {
        "type": UNPAUSED_GATE,
        "status": "False" if paused else "True",
        "reason": "Paused" if paused else "NotPaused",
        "message": f"the virtual machine is {'' if paused else 'not '}paused",
    }
    conditions = with_condition(conditions_of(pod), wanted, now)
    if same_conditions(conditions, conditions_of(pod)):
        return None
    return PatchPod(name_of(pod), _replace(conditions_of(pod), conditions))


def ready_condition(vmi: JsonObject, pod: JsonObject | None) -> JsonObject:
    """The VMI's Ready condition as KubeVirt derives it from the launcher pod."""
    if pod is None:
        return _not_ready("PodNotExists", "virt-launcher pod has not yet been scheduled")
    if pod_down(pod):
        return _not_ready("PodTerminating", "virt-launcher pod is terminating")
    if phase_of(vmi) != "Running":
        return _not_ready("GuestNotRunning", "Guest VM is not reported as running")
    ready = condition_of(pod, "Ready")
    if ready is None:
        return _not_ready("PodConditionMissing", "virt-launcher pod is missing the Ready condition")
    return _plain(ready)


def _not_ready(reason: str, message: str) -> JsonObject:
    return {"type": "Ready", "status": "False", "reason": reason, "message": message}


def _plain(condition: JsonObject) -> JsonObject:
    return {key: condition[key] for key in ("type", "status", "reason", "message") if condition.get(key)}


def _replace(old: list[JsonObject], new: list[JsonObject]) -> list[JsonObject]:
    path = "/status/conditions"
    if not old:
        return [{"op": "add", "path": path, "value": new}]
    return [{"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": new}]


def _remove_finalizer(vmi: JsonObject) -> list[JsonObject]:
    old = vmi["metadata"]["finalizers"]
    new = [item for item in old if item != KUBEVIRT_FINALIZER]
    path = "/metadata/finalizers"
    return [{"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": new}]


def _compute_running(pod: JsonObject) -> bool:
    return any(
        item.get("name") == COMPUTE and "running" in (item.get("state") or {})
        for item in (pod.get("status") or {}).get("containerStatuses") or []
    )
