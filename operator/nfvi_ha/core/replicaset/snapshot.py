"""The frozen picture a plan is made from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nfvi_ha.core.fault import Evidence
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.views import VmView


class SlotState(StrEnum):
    """What a slot is doing, as users read it in ``status.slots[].state``."""

    EMPTY = "Empty"
    PENDING = "Pending"
    """The VM has no node yet."""
    STARTING = "Starting"
    READY = "Ready"
    UNREADY = "Unready"
    FAILED = "Failed"
    """The VM failed, with evidence; its replacement is about to be made."""
    HELD = "Held"
    """The VM is lost from sight without evidence of its end: no replacement, lest two VMs write."""
    BACKOFF = "BackOff"
    QUARANTINED = "Quarantined"
    UPDATING = "Updating"
    """The VM was asked to go because its template is outdated."""
    DELETING = "Deleting"
    """The VM was asked to go (scale-in, update, a user) and has not ended yet."""


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A slot as it was last written to the status: the planner's memory across restarts."""

    index: int
    vmi: str = ""
    uid: str = ""
    node: str = ""
    state: SlotState = SlotState.EMPTY
    reason: str = ""
    message: str = ""
    attempt: int = 0
    early_failures: int = 0
    retry_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class SlotVm:
    """A VM that fills, or filled, a slot, with all that was concluded about it."""

    vm: VmView
    slot: int
    attempt: int
    evidence: Evidence | None = None
    """Covers this VM: it cannot write any more. Live objects and recorded incidents both count."""
    fault: str = ""
    """Cause of its open vm.failed or vm.unready fault, "" when there is none."""
    recorded: bool = True
    """Whether its failure, if it has one, is on a written Incident."""

    @property
    def released(self) -> bool:
        """Whether the slot may be filled anew without two VMs that could both write (invariant 1)."""
        return self.evidence is not None

    @property
    def asked_to_end(self) -> bool:
        """Deleted, or shut down from inside: its end is no failure."""
        return self.vm.deleting or self.vm.phase == "Succeeded"

    @property
    def ready(self) -> bool:
        """Whether it counts for readyReplicas."""
        return self.vm.phase == "Running" and self.vm.ready is True and not self.vm.deleting and not self.released


@dataclass(frozen=True, slots=True)
class CreateBlock:
    """A creation the API server refused: no new try before ``remaining_seconds`` are over."""

    reason: str
    message: str
    remaining_seconds: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All the planner sees. ``now`` never steps back (a wall clock carried on by the monotonic one)."""

    spec: ReplicaSetSpec
    vms: tuple[SlotVm, ...]
    orphans: tuple[VmView, ...]
    """VMIs that match the selector and have no controller."""
    records: tuple[SlotRecord, ...]
    blocks: tuple[tuple[int, CreateBlock], ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot: the VMs in it and its record."""

    index: int
    vms: tuple[SlotVm, ...]
    """By attempt, lowest first."""
    record: SlotRecord
    block: CreateBlock | None = None

    @property
    def occupants(self) -> tuple[SlotVm, ...]:
        """VMs that could still write. More than one is a fault of ours, or of a stranger's hand."""
        return tuple(vm for vm in self.vms if not vm.released)

    @property
    def latest(self) -> SlotVm | None:
        """The VM with the highest attempt; None when the record speaks of a later one, which is gone."""
        return self.vms[-1] if self.vms and self.vms[-1].attempt >= self.record.attempt else None

    @property
    def vanished(self) -> bool:
        """Its VM left the API without evidence: it may still run somewhere.

        Older VMs that ended and were not let go of yet say nothing about it; a newer one was made on its evidence.
        """
        gone = bool(self.record.uid) and all(vm.vm.uid != self.record.uid for vm in self.vms)
        newest = self.vms[-1].attempt if self.vms else 0
        return gone and self.record.state not in RELEASED_STATES and newest <= self.record.attempt

    @property
    def attempt(self) -> int:
        """The highest attempt ever known for this slot."""
        return max([self.record.attempt, *(vm.attempt for vm in self.vms)])


RELEASED_STATES = frozenset({SlotState.EMPTY, SlotState.FAILED, SlotState.BACKOFF, SlotState.QUARANTINED})
"""States of a record whose VM had evidence: if it is gone now, that is no loss."""


def slot_views(snapshot: Snapshot) -> dict[int, SlotView]:
    """Every slot that has a VM, a record or a refused creation, by index."""
    blocks = dict(snapshot.blocks)
    records = {record.index: record for record in snapshot.records}
    indices = records.keys() | blocks.keys() | {vm.slot for vm in snapshot.vms}
    return {
        index: SlotView(
            index,
            tuple(sorted((vm for vm in snapshot.vms if vm.slot == index), key=lambda vm: (vm.attempt, vm.vm.uid))),
            records.get(index, SlotRecord(index)),
            blocks.get(index),
        )
        for index in sorted(indices)
    }
