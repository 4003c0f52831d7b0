"""The changes of a Node as JSON patches: each names one place of one version, so nothing of others can be touched."""

from datetime import datetime
from typing import Any, Final

from nfvi_ha.api.names import CONDITION_HYPERVISOR_FAILED, TAINT_HYPERVISOR_FAILED
from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.hypervisor_marks import CONDITION_REASON_FAILED, CONDITION_REASON_UP, Mark

JsonObject = dict[str, Any]
Operations = list[JsonObject]

EFFECT: Final = "NoSchedule"
_STATUS: Final = {
    Mark.CONDITION_TRUE: ("True", CONDITION_REASON_FAILED),
    Mark.CONDITION_FALSE: ("False", CONDITION_REASON_UP),
}


def subresource_of(mark: Mark) -> str | None:
    """Where the change is written."""
    return "status" if mark in _STATUS else None


def operations(mark: Mark, node: JsonObject, message: str, now: datetime) -> Operations:
    """The patch for one change of a Node as it was read; () where there is nothing to do on it (any more)."""
    change = _condition(mark, node, message, now) if mark in _STATUS else _taint(mark, node)
    if not change:
        return []
    version = node["metadata"]["resourceVersion"]
    # A version that is not the stored one makes the server answer Conflict.
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}, *change]


def _taint(mark: Mark, node: JsonObject) -> Operations:
    taints = (node.get("spec") or {}).get("taints") or []
    ours = [index for index, taint in enumerate(taints) if taint.get("key") == TAINT_HYPERVISOR_FAILED]
    if mark is Mark.REMOVE_TAINT:
        # From the last to the first, for each removal moves what follows it.
        return [{"op": "remove", "path": f"/spec/taints/{index}"} for index in reversed(ours)]
    if ours:
        return []
    taint = {"key": TAINT_HYPERVISOR_FAILED, "effect": EFFECT}
    if not taints:
        return [{"op": "add", "path": "/spec/taints", "value": [taint]}]
    return [{"op": "add", "path": "/spec/taints/-", "value": taint}]


def _condition(mark: Mark, node: JsonObject, message: str, now: datetime) -> Operations:
    conditions = (node.get("status") or {}).get("conditions") or []
    status, reason = _STATUS[mark]
    stamp = format_stamp(now.replace(microsecond=0)).replace(".000", "")  # a Node's times have whole seconds
    condition = {
        "type": CONDITION_HYPERVISOR_FAILED,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": stamp,
        "lastTransitionTime": stamp,
    }
    for index, known in enumerate(conditions):
        if known.get("type") == CONDITION_HYPERVISOR_FAILED:
            if known.get("status") == status:
                return []
            return [{"op": "replace", "path": f"/status/conditions/{index}", "value": condition}]
    if not conditions:
        return [{"op": "add", "path": "/status/conditions", "value": [condition]}]
    return [{"op": "add", "path": "/status/conditions/-", "value": condition}]
