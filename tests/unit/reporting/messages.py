"""Faults and notifications to test with."""

from datetime import UTC, datetime, timedelta

from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.ids import incident_id
from nfvi_ha.reporting.catalogue import CATALOGUE, NotificationType, State
from nfvi_ha.reporting.notification import Notification, step_action

SEEN = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


def fault(
    name: str = "web-0-1", kind: FaultKind = FaultKind.VM_FAILED, *, at: datetime = SEEN, **changes: object
) -> Fault:
    resource_kind = "VNFReplicaSet" if kind is FaultKind.REPLICAS_BELOW else "VirtualMachineInstance"
    fields: dict[str, object] = {
        "kind": kind,
        "resource": ResourceRef(resource_kind, "tenant-a", name, f"uid-of-{name}"),
        "cause": "QemuCrashed",
        "message": "qemu ended with signal 9",
        "severity": Severity.CRITICAL,
        "confidence": Confidence.HIGH,
        "detected_at": at,
        "occurred_at": at - timedelta(seconds=1),
        "node": "worker-1",
        "vnf": "web",
        "slot": 0,
        "evidence": Evidence(EvidenceKind.PROCESS_GONE, "virt-handler@worker-1", "phase Failed", at),
    }
    return Fault(**{**fields, **changes})  # type: ignore[arg-type]


def raised(
    name: str = "web-0-1",
    kind: FaultKind = FaultKind.VM_FAILED,
    *,
    episode: int = 0,
    sequence: int = 1,
    at: datetime = SEEN,
    **changes: object,
) -> Notification:
    seen = fault(name, kind, at=at, **changes)
    return Notification.from_fault(
        seen,
        incident=incident_id(seen.resource, kind, episode),
        episode=episode,
        sequence=sequence,
        cluster="site-1",
        source="operator",
    )


def chain(name: str, length: int, *, at: datetime = SEEN, first_sequence: int = 1) -> list[Notification]:
    """One incident's messages in order: raised, then actions."""
    start = raised(name, sequence=first_sequence, at=at)
    created = step_action(NotificationType.REPLACEMENT_CREATED, "Succeeded", old_vm=name, new_vm=f"{name}-new")
    return [start] + [
        start.acted(step, created, sequence=first_sequence + step, at=at, message="created")
        for step in range(1, length)
    ]


def one_of_each() -> dict[NotificationType, Notification]:
    """A notification of every type in the catalogue."""
    found: dict[NotificationType, Notification] = {}
    for name, info in CATALOGUE.items():
        if info.state is State.ACTION:
            action = step_action(name, "Succeeded", old_vm="web-0-1", new_vm="web-0-2", duration_ms=420, detail="why")
            found[name] = raised().acted(1, action, sequence=2, at=SEEN + timedelta(seconds=1), message="done")
        elif info.kind is not None and info.state is State.RAISED:
            found[name] = raised(kind=info.kind)
        elif info.kind is not None:
            found[name] = raised(kind=info.kind).cleared(2, sequence=3, at=SEEN + timedelta(seconds=9), message="over")
    return found
