"""Reading and stamping Kubernetes objects that are plain JSON: metadata, conditions, API times."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

JsonObject = dict[str, Any]

COMPUTE: Final = "compute"
"""The launcher pod's container that holds qemu."""
UNPAUSED_GATE: Final = "kubevirt.io/virtual-machine-unpaused"
"""Readiness gate of launcher pods; virt-controller keeps its condition."""


def uid_of(obj: JsonObject) -> str:
    """``metadata.uid``."""
    return str(obj["metadata"]["uid"])


def name_of(obj: JsonObject) -> str:
    """``metadata.name``."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: JsonObject) -> str:
    """``metadata.namespace``, "" for cluster-scoped objects."""
    return str(obj["metadata"].get("namespace", ""))


def labels_of(obj: JsonObject) -> dict[str, str]:
    """``metadata.labels``, never None."""
    return obj["metadata"].get("labels") or {}


def deleting(obj: JsonObject) -> bool:
    """Whether its deletion was asked for."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def phase_of(obj: JsonObject) -> str:
    """``status.phase``, "" when unset."""
    return str((obj.get("status") or {}).get("phase") or "")


def api_time(moment: datetime) -> str:
    """The moment as metav1.Time writes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(moment: datetime) -> str:
    """The moment as metav1.MicroTime writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def conditions_of(obj: JsonObject) -> list[JsonObject]:
    """``status.conditions``, never None."""
    return list((obj.get("status") or {}).get("conditions") or [])


def condition_of(obj: JsonObject, kind: str) -> JsonObject | None:
    """The condition of that type."""
    return next((item for item in conditions_of(obj) if item.get("type") == kind), None)


def with_condition(conditions: Iterable[JsonObject], new: JsonObject, now: datetime) -> list[JsonObject]:
    """The conditions with ``new`` (type, status, reason, message) put in.

    The transition time moves only with the status.
    """
    kept: list[JsonObject] = []
    since = api_time(now)
    position: int | None = None
    for item in conditions:
        if item.get("type") == new["type"]:
            position = len(kept)
            if item.get("status") == new["status"]:
                since = item.get("lastTransitionTime") or since
        else:
            kept.append(item)
    entry = {"lastProbeTime": None, **new, "lastTransitionTime": since}
    kept.insert(len(kept) if position is None else position, entry)
    return kept


def without_condition(conditions: Iterable[JsonObject], kind: str) -> list[JsonObject]:
    """The conditions but that type."""
    return [item for item in conditions if item.get("type") != kind]


def same_conditions(left: Iterable[JsonObject], right: Iterable[JsonObject]) -> bool:
    """Whether both say the same (times aside)."""

    def key(items: Iterable[JsonObject]) -> list[tuple[str, ...]]:
        return sorted(tuple(str(i.get(k) or "") for k in ("type", "status", "reason", "message")) for i in items)

    return key(left) == key(right)


def set_phase(vmi: JsonObject, phase: str, now: datetime) -> None:
    """Move the VMI to the phase, with the transition timestamp that KubeVirt keeps per phase (whole seconds)."""
    status = vmi.setdefault("status", {})
    status["phase"] = phase
    stamps: list[dict[str, Any]] = status.setdefault("phaseTransitionTimestamps", [])
    if all(stamp["phase"] != phase for stamp in stamps):
        stamps.append({"phase": phase, "phaseTransitionTimestamp": api_time(now)})


def compute_terminated(pod: JsonObject) -> JsonObject | None:
    """``state.terminated`` of the ``compute`` container, if it has ended."""
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status.get("name") == COMPUTE:
            ended: JsonObject | None = (status.get("state") or {}).get("terminated")
            return ended
    return None


def pod_down(pod: JsonObject) -> bool:
    """Whether KubeVirt takes the launcher pod for down or going down."""
    return deleting(pod) or phase_of(pod) in ("Succeeded", "Failed") or compute_terminated(pod) is not None
