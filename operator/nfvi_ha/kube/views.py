"""Kubernetes JSON to the small views the decisions read.

Pure, and tolerant of any JSON: a field of an unexpected type counts as absent, an object without identity gives
None, nothing raises. One malformed object must not stop the watch of all others.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from nfvi_ha.api.names import GROUP, KUBEVIRT_CREATED_BY, KUBEVIRT_DOMAIN
from nfvi_ha.core.views import NodeView, OwnerView, PodView, VmView

JsonObject = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]

_OUR_PREFIX: Final = f"{GROUP}/"
_UNREADABLE_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EMPTY: Final[JsonObject] = {}
_TIMES_KEPT: Final = 32_768
"""An object's stamps come again with each of its events; reading them anew was a tenth of an event's cost."""


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A coordination Lease. ``renew_time`` is only compared for change, never read as a time.

    Clocks of two hosts are not compared; what counts is when a change arrived here.
    """

    uid: str
    namespace: str
    name: str
    holder: str
    renew_time: str
    resource_version: str


def vm_view(obj: JsonObject) -> VmView | None:
    """A VirtualMachineInstance (or None when it has no uid, namespace or name)."""
    metadata, status = _dict(obj.get("metadata")), _dict(obj.get("status"))
    uid, namespace, name = _str(metadata.get("uid")), _str(metadata.get("namespace")), _str(metadata.get("name"))
    if not (uid and namespace and name):
        return None
    ready, paused = _condition(status, "Ready"), _condition(status, "Paused")
    return VmView(
        uid=uid,
        namespace=namespace,
        name=name,
        resource_version=_str(metadata.get("resourceVersion")),
        labels=_pairs(metadata.get("labels")),
        annotations=tuple(pair for pair in _pairs(metadata.get("annotations")) if pair[0].startswith(_OUR_PREFIX)),
        finalizers=tuple(text for text in _list(metadata.get("finalizers")) if isinstance(text, str)),
        owner=_controller(metadata),
        created_at=_time(metadata.get("creationTimestamp")),
        deleting_since=_deleting_since(metadata),
        phase=_str(status.get("phase")),
        reason=_str(status.get("reason")),
        node=_str(status.get("nodeName")),
        ready=_truth(ready),
        ready_reason=_str(ready.get("reason")),
        ready_since=_time(ready.get("lastTransitionTime")),
        paused_reason=(_str(paused.get("reason")) or "Paused") if _truth(paused) else "",
        phase_times=_phase_times(status),
        phase_writer=_writer(metadata, "f:phase"),
        migrating=_migrating(status),
        active_pods=_pairs(status.get("activePods")),
    )


def pod_view(obj: JsonObject) -> PodView | None:
    """A virt-launcher pod (or None when it has no uid, namespace or name)."""
    metadata, status = _dict(obj.get("metadata")), _dict(obj.get("status"))
    uid, namespace, name = _str(metadata.get("uid")), _str(metadata.get("namespace")), _str(metadata.get("name"))
    if not (uid and namespace and name):
        return None
    terminated = _compute_terminated(status)
    exit_code = terminated.get("exitCode")
    ended = isinstance(exit_code, int) and not isinstance(exit_code, bool)
    return PodView(
        uid=uid,
        namespace=namespace,
        name=name,
        vmi_uid=_str(_dict(metadata.get("labels")).get(KUBEVIRT_CREATED_BY)),
        vmi_name=_str(_dict(metadata.get("annotations")).get(KUBEVIRT_DOMAIN)),
        resource_version=_str(metadata.get("resourceVersion")),
        node=_str(_dict(obj.get("spec")).get("nodeName")),
        phase=_str(status.get("phase")),
        reason=_str(status.get("reason")),
        deleting_since=_deleting_since(metadata),
        compute_exit_code=exit_code if ended else None,
        compute_reason=_str(terminated.get("reason")) if ended else "",
        compute_finished_at=_time(terminated.get("finishedAt")) if ended else None,
        status_writer=_writer(metadata, "f:containerStatuses"),
    )


def node_view(obj: JsonObject) -> NodeView | None:
    """A Node (or None when it has no name)."""
    metadata, spec, status = _dict(obj.get("metadata")), _dict(obj.get("spec")), _dict(obj.get("status"))
    name = _str(metadata.get("name"))
    if not name:
        return None
    info = _dict(status.get("nodeInfo"))
    taints = (_dict(taint) for taint in _list(spec.get("taints")))
    return NodeView(
        name=name,
        uid=_str(metadata.get("uid")),
        ready=_truth(_condition(status, "Ready")),
        unschedulable=spec.get("unschedulable") is True,
        boot_id=_str(info.get("bootID")),
        system_uuid=_str(info.get("systemUUID")),
        taints=tuple((_str(taint.get("key")), _str(taint.get("effect"))) for taint in taints if taint.get("key")),
        labels=_pairs(metadata.get("labels")),
    )


def lease_view(obj: JsonObject) -> LeaseView | None:
    """A Lease (or None when it has no uid, namespace or name)."""
    metadata, spec = _dict(obj.get("metadata")), _dict(obj.get("spec"))
    uid, namespace, name = _str(metadata.get("uid")), _str(metadata.get("namespace")), _str(metadata.get("name"))
    if not (uid and namespace and name):
        return None
    return LeaseView(
        uid=uid,
        namespace=namespace,
        name=name,
        holder=_str(spec.get("holderIdentity")),
        renew_time=_str(spec.get("renewTime")),
        resource_version=_str(metadata.get("resourceVersion")),
    )


def _dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else _EMPTY


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(value: Any) -> datetime | None:
    """A Kubernetes Time or MicroTime ("2026-01-02T03:04:05[.678901]Z"), UTC; None when it is neither."""
    return _read_time(value) if isinstance(value, str) else None


@lru_cache(maxsize=_TIMES_KEPT)
def _read_time(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _pairs(value: Any) -> Pairs:
    """A string map as sorted pairs."""
    return tuple(sorted((key, text) for key, text in _dict(value).items() if isinstance(text, str)))


def _condition(status: JsonObject, kind: str) -> JsonObject:
    for condition in _list(status.get("conditions")):
        if isinstance(condition, dict) and condition.get("type") == kind:
            return condition
    return _EMPTY


def _truth(condition: JsonObject) -> bool | None:
    """A condition's status as a boolean; None for Unknown or no condition."""
    text = condition.get("status")
    return text == "True" if text in ("True", "False") else None


def _controller(metadata: JsonObject) -> OwnerView | None:
    for reference in _list(metadata.get("ownerReferences")):
        if isinstance(reference, dict) and reference.get("controller") is True:
            return OwnerView(
                api_version=_str(reference.get("apiVersion")),
                kind=_str(reference.get("kind")),
                name=_str(reference.get("name")),
                uid=_str(reference.get("uid")),
            )
    return None


def _deleting_since(metadata: JsonObject) -> datetime | None:
    """When its deletion was asked for. ``deletionTimestamp`` itself is the end of the grace period.

    A stamp that cannot be read still means that the object is going away.
    """
    stamp = metadata.get("deletionTimestamp")
    if stamp is None:
        return None
    grace = metadata.get("deletionGracePeriodSeconds")
    try:
        return (_time(stamp) or _UNREADABLE_TIME) - timedelta(seconds=grace if isinstance(grace, int) else 0)
    except OverflowError:
        return _UNREADABLE_TIME


def _phase_times(status: JsonObject) -> tuple[tuple[str, datetime], ...]:
    entries = (_dict(entry) for entry in _list(status.get("phaseTransitionTimestamps")))
    times = ((_str(entry.get("phase")), _time(entry.get("phaseTransitionTimestamp"))) for entry in entries)
    return tuple((phase, time) for phase, time in times if phase and time is not None)


def _migrating(status: JsonObject) -> bool:
    state = status.get("migrationState")
    if not isinstance(state, dict):
        return False
    return not (state.get("completed") or state.get("failed") or state.get("endTimestamp"))


def _compute_terminated(status: JsonObject) -> JsonObject:
    """``state.terminated`` of the container that runs qemu."""
    for container in _list(status.get("containerStatuses")):
        if isinstance(container, dict) and container.get("name") == "compute":
            return _dict(_dict(container.get("state")).get("terminated"))
    return _EMPTY


def _writer(metadata: JsonObject, status_field: str) -> str:
    """The field manager that owns ``status.<field>``: of several the one with the newest time, "" if that is not one.

    An update takes a field away from its former owners when it changes the value, so several owners mean that they
    agreed; whether they wrote through a subresource does not matter.
    """
    newest, managers = "", set[str]()
    for entry in _list(metadata.get("managedFields")):
        if not isinstance(entry, dict) or status_field not in _dict(_dict(entry.get("fieldsV1")).get("f:status")):
            continue
        time = _str(entry.get("time"))  # always UTC with second resolution: text order is time order
        if time > newest or not managers:
            newest, managers = time, set()
        if time == newest:
            managers.add(_str(entry.get("manager")))
    return managers.pop() if len(managers) == 1 else ""
