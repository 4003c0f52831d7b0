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
    VM_STUCK = "vm.stuck"
    VM_MOVING = "vm.moving"
    HYPERVISOR_FAILED = "hypervisor.failed"
    HYPERVISOR_RECOVERED = "hypervisor.recovered"
    HYPERVISOR_UNREACHABLE = "hypervisor.unreachable"
    HYPERVISOR_REACHABLE = "hypervisor.reachable"
    NETWORK_FAILED = "hypervisor.network.failed"
    NETWORK_RESTORED = "hypervisor.network.restored"
    AGENT_LOST = "agent.lost"
    AGENT_RETURNED = "agent.returned"
    AGENT_OVERFLOW = "agent.faults.overflow"
    AGENT_OVERFLOW_ENDED = "agent.faults.overflow.ended"
    MASS_FAILURE = "nfvi.mass.failure"
    MASS_FAILURE_ENDED = "nfvi.mass.failure.ended"
    REDUNDANCY_LOST = "ha.redundancy.lost"
    REDUNDANCY_RESTORED = "ha.redundancy.restored"
    PROCESS_FAILED = "process.failed"
    PROCESS_RESTORED = "process.restored"
    PROCESS_HUNG = "process.hung"
    PROCESS_ANSWERING = "process.answering"
    PROCESS_FLAPPING = "process.flapping"
    PROCESS_STEADY = "process.steady"
    LINK_DOWN = "link.down"
    LINK_UP = "link.up"
    STORAGE_PATH_DEGRADED = "storage.path.degraded"
    STORAGE_PATH_REDUNDANT = "storage.path.redundant"
    STORAGE_PATH_FAILED = "storage.path.failed"
    STORAGE_PATH_RESTORED = "storage.path.restored"
    STORAGE_PATH_SLOW = "storage.path.failover.slow"
    STORAGE_PATH_NOTED = "storage.path.failover.noted"
    HARDWARE_FAILED = "hardware.failed"
    HARDWARE_REPAIRED = "hardware.repaired"
    HARDWARE_DEGRADED = "hardware.degraded"
    HARDWARE_NORMAL = "hardware.normal"
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


def _raised(kind: FaultKind, summary: str) -> TypeInfo:
    return TypeInfo(State.RAISED, kind, summary)


def _cleared(kind: FaultKind, summary: str) -> TypeInfo:
    return TypeInfo(State.CLEARED, kind, summary)


def _action(summary: str) -> TypeInfo:
    return TypeInfo(State.ACTION, None, summary)


CATALOGUE: Final[Mapping[NotificationType, TypeInfo]] = MappingProxyType(
    {
        NotificationType.VM_FAILED: _raised(
            FaultKind.VM_FAILED, "The VM ended and nobody asked it to. `cause` says what is known."
        ),
        NotificationType.VM_RECOVERED: _cleared(
            FaultKind.VM_FAILED, "The place of the failed VM is filled by a ready VM again, or given up."
        ),
        NotificationType.VM_UNREADY: _raised(
            FaultKind.VM_UNREADY,
            "A VM that was ready is not, or its pod is being taken away, and nothing proves that it ended.",
        ),
        NotificationType.VM_READY: _cleared(
            FaultKind.VM_UNREADY, "The unready VM is ready again, or its end is now certain."
        ),
        NotificationType.VM_PAUSED: _raised(FaultKind.VM_PAUSED, "KubeVirt froze the VM on a storage I/O error."),
        NotificationType.VM_RESUMED: _cleared(
            FaultKind.VM_PAUSED, "The paused VM runs again, or its end is now certain."
        ),
        NotificationType.REPLICAS_BELOW: _raised(
            FaultKind.REPLICAS_BELOW, "A VNFReplicaSet has fewer ready VMs than desired."
        ),
        NotificationType.REPLICAS_RESTORED: _cleared(
            FaultKind.REPLICAS_BELOW, "The VNFReplicaSet has as many ready VMs as desired again."
        ),
        NotificationType.VM_STUCK: _raised(
            FaultKind.VM_STUCK,
            "The VM's process is there and does not run: it was stopped, or is in uninterruptible sleep.",
        ),
        NotificationType.VM_MOVING: _cleared(
            FaultKind.VM_STUCK, "The stuck VM's process runs again, or its end is now certain."
        ),
        NotificationType.HYPERVISOR_FAILED: _raised(
            FaultKind.HYPERVISOR_FAILED,
            "A quorum of sentinels does not reach the hypervisor on any network, or only its kernel answers. Its VMs "
            "follow as `vm.failed` with it as `parent`.",
        ),
        NotificationType.HYPERVISOR_RECOVERED: _cleared(
            FaultKind.HYPERVISOR_FAILED,
            "The hypervisor is heard again, from the same boot or another one; `message` says which.",
        ),
        NotificationType.HYPERVISOR_UNREACHABLE: _raised(
            FaultKind.HYPERVISOR_UNREACHABLE,
            "One sentinel alone does not reach the hypervisor, and no quorum confirms or denies it.",
        ),
        NotificationType.HYPERVISOR_REACHABLE: _cleared(
            FaultKind.HYPERVISOR_UNREACHABLE, "The hypervisor is heard again, or a quorum knows better."
        ),
        NotificationType.NETWORK_FAILED: _raised(
            FaultKind.HYPERVISOR_NETWORK, "The hypervisor is silent on one network and heard on another."
        ),
        NotificationType.NETWORK_RESTORED: _cleared(
            FaultKind.HYPERVISOR_NETWORK, "The hypervisor is heard on that network again."
        ),
        NotificationType.AGENT_LOST: _raised(
            FaultKind.AGENT_LOST,
            "The agent is silent, the hypervisor's own services accept connections: what runs there is not seen now.",
        ),
        NotificationType.AGENT_RETURNED: _cleared(
            FaultKind.AGENT_LOST, "The agent is heard again, or it is known now what happened to the hypervisor."
        ),
        NotificationType.AGENT_OVERFLOW: _raised(
            FaultKind.AGENT_OVERFLOW, "An agent sees more faults at once than it can name; `message` has the counts."
        ),
        NotificationType.AGENT_OVERFLOW_ENDED: _cleared(
            FaultKind.AGENT_OVERFLOW, "The agent names all of its faults again."
        ),
        NotificationType.MASS_FAILURE: _raised(
            FaultKind.MASS_FAILURE,
            "So many hypervisors fell silent together that recovery is held. Each is reported by itself, too, with it "
            "as `parent`.",
        ),
        NotificationType.MASS_FAILURE_ENDED: _cleared(
            FaultKind.MASS_FAILURE,
            "So many hypervisors are heard again that recovery goes on, or somebody released it.",
        ),
        NotificationType.REDUNDANCY_LOST: _raised(
            FaultKind.REDUNDANCY_LOST,
            "A sentinel or a replica of the operator is missing. All is still done; one loss more may change that.",
        ),
        NotificationType.REDUNDANCY_RESTORED: _cleared(
            FaultKind.REDUNDANCY_LOST, "The missing one is back, or another took its place."
        ),
        NotificationType.PROCESS_FAILED: _raised(
            FaultKind.PROCESS_FAILED, "A watched process of the hypervisor ended."
        ),
        NotificationType.PROCESS_RESTORED: _cleared(FaultKind.PROCESS_FAILED, "The process is there again."),
        NotificationType.PROCESS_HUNG: _raised(
            FaultKind.PROCESS_HUNG, "A watched process of the hypervisor is there and does not answer."
        ),
        NotificationType.PROCESS_ANSWERING: _cleared(FaultKind.PROCESS_HUNG, "The process answers again, or it ended."),
        NotificationType.PROCESS_FLAPPING: _raised(
            FaultKind.PROCESS_FLAPPING, "A watched process keeps ending and coming back."
        ),
        NotificationType.PROCESS_STEADY: _cleared(FaultKind.PROCESS_FLAPPING, "The process has stayed up for a while."),
        NotificationType.LINK_DOWN: _raised(FaultKind.LINK_DOWN, "A network interface lost its carrier."),
        NotificationType.LINK_UP: _cleared(FaultKind.LINK_DOWN, "The network interface has its carrier again."),
        NotificationType.STORAGE_PATH_DEGRADED: _raised(
            FaultKind.STORAGE_PATH_DEGRADED, "A storage path lost its redundancy, or is configured without."
        ),
        NotificationType.STORAGE_PATH_REDUNDANT: _cleared(
            FaultKind.STORAGE_PATH_DEGRADED, "The storage path is redundant again."
        ),
        NotificationType.STORAGE_PATH_FAILED: _raised(
            FaultKind.STORAGE_PATH_FAILED, "A storage path carries nothing any more."
        ),
        NotificationType.STORAGE_PATH_RESTORED: _cleared(
            FaultKind.STORAGE_PATH_FAILED, "The storage path carries data again."
        ),
        NotificationType.STORAGE_PATH_SLOW: _raised(
            FaultKind.STORAGE_PATH_SLOW,
            "A storage path failed over, but not within one second; `message` has the time.",
        ),
        NotificationType.STORAGE_PATH_NOTED: _cleared(
            FaultKind.STORAGE_PATH_SLOW, "The slow failover is on record; the path carries data."
        ),
        NotificationType.HARDWARE_FAILED: _raised(
            FaultKind.HARDWARE_FAILED, "A hardware part failed: uncorrected memory error, fatal PCIe error, dead disk."
        ),
        NotificationType.HARDWARE_REPAIRED: _cleared(
            FaultKind.HARDWARE_FAILED, "The part works again, or was replaced."
        ),
        NotificationType.HARDWARE_DEGRADED: _raised(
            FaultKind.HARDWARE_DEGRADED, "A hardware part is likely to fail; `message` has a recommendation."
        ),
        NotificationType.HARDWARE_NORMAL: _cleared(
            FaultKind.HARDWARE_DEGRADED, "The part's readings are normal again."
        ),
        NotificationType.REPLACEMENT_CREATED: _action("The replacement VM was created; `action.newVM` names it."),
        NotificationType.REPLACEMENT_RUNNING: _action("The replacement VM is running and ready."),
        NotificationType.RECOVERY_HELD: _action(
            "Recovery waits, for the reason in `action.detail`: nothing proves yet that the old VM ended."
        ),
        NotificationType.RECOVERY_ABANDONED: _action(
            "Recovery was given up, for the reason in `action.detail`. Somebody has to look."
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
