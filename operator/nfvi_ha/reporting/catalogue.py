"""Every notification type that we send: one table, from which validation and the reference page are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from nfvi_ha.core.fault import FaultKind

CLOUDEVENT_TYPE_PREFIX: Final = "io.nfvi-ha."
"""The CloudEvents ``type`` of a notification is this prefix and its type."""


class State(StrEnum):
    """What a notification says about its incident."""

    RAISED = "raised"
    ACTION = "action"
    CLEARED = "cleared"


class NotificationType(StrEnum):
    """What happened. Each type has exactly one ``State``, so a receiver may switch on the type alone."""

    VM_FAILED = "vm.failed"
    VM_RECOVERED = "vm.recovered"
    VM_UNREADY = "vm.unready"
    VM_READY = "vm.ready"
    VM_PAUSED = "vm.paused"
    VM_RESUMED = "vm.resumed"
    REPLICAS_BELOW = "vnf.replicas.below"
    REPLICAS_RESTORED = "vnf.replicas.restored"
    REPLACEMENT_CREATED = "recovery.replacement.created"
    REPLACEMENT_RUNNING = "recovery.replacement.running"
    RECOVERY_HELD = "recovery.held"
    RECOVERY_ABANDONED = "recovery.abandoned"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One row of the table."""

    state: State
    kind: FaultKind | None
    """The fault that this type raises or clears; None for actions, which may belong to any."""
    summary: str


CATALOGUE: Final[Mapping[NotificationType, TypeInfo]] = MappingProxyType(
    {
        NotificationType.VM_FAILED: TypeInfo(
            State.RAISED, FaultKind.VM_FAILED, "The VM ended and nobody asked it to. `cause` says what is known."
        ),
        NotificationType.VM_RECOVERED: TypeInfo(
            State.CLEARED, FaultKind.VM_FAILED, "The place of the failed VM is filled by a ready VM again, or given up."
        ),
        NotificationType.VM_UNREADY: TypeInfo(
            State.RAISED,
            FaultKind.VM_UNREADY,
            "A VM that was ready is not, or its pod is being taken away, and nothing proves that it ended.",
        ),
        NotificationType.VM_READY: TypeInfo(
            State.CLEARED, FaultKind.VM_UNREADY, "The unready VM is ready again, or its end is now certain."
        ),
        NotificationType.VM_PAUSED: TypeInfo(
            State.RAISED, FaultKind.VM_PAUSED, "KubeVirt froze the VM on a storage I/O error."
        ),
        NotificationType.VM_RESUMED: TypeInfo(
            State.CLEARED, FaultKind.VM_PAUSED, "The paused VM runs again, or its end is now certain."
        ),
        NotificationType.REPLICAS_BELOW: TypeInfo(
            State.RAISED, FaultKind.REPLICAS_BELOW, "A VNFReplicaSet has fewer ready VMs than desired."
        ),
        NotificationType.REPLICAS_RESTORED: TypeInfo(
            State.CLEARED, FaultKind.REPLICAS_BELOW, "The VNFReplicaSet has as many ready VMs as desired again."
        ),
        NotificationType.REPLACEMENT_CREATED: TypeInfo(
            State.ACTION, None, "The replacement VM was created; `action.newVM` names it."
        ),
        NotificationType.REPLACEMENT_RUNNING: TypeInfo(State.ACTION, None, "The replacement VM is running and ready."),
        NotificationType.RECOVERY_HELD: TypeInfo(
            State.ACTION,
            None,
            "Recovery waits, for the reason in `action.detail`: nothing proves yet that the old VM ended.",
        ),
        NotificationType.RECOVERY_ABANDONED: TypeInfo(
            State.ACTION, None, "Recovery was given up, for the reason in `action.detail`. Somebody has to look."
        ),
    }
)


def raised_type(kind: FaultKind) -> NotificationType:
    """The type that raises a fault of this kind."""
    return _type_of(State.RAISED, kind)


def cleared_type(kind: FaultKind) -> NotificationType:
    """The type that clears a fault of this kind."""
    return _type_of(State.CLEARED, kind)


def _type_of(state: State, kind: FaultKind) -> NotificationType:
    return next(name for name, info in CATALOGUE.items() if info.state is state and info.kind is kind)
