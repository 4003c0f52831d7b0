"""What the controller remembers of one VNFReplicaSet between two reconciles; all of it may be lost."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord
from nfvi_ha.core.replicaset.status import Counts
from nfvi_ha.core.views import VmView
from nfvi_ha.operator.vm_actions import Refusal

PENDING_SECONDS: Final = 10.0
"""A VM that no watch has shown so long after its creation is forgotten: it may have gone before we saw it."""
FIRST_BLOCK_SECONDS: Final = 0.5
LAST_BLOCK_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Blocked:
    refusal: Refusal
    failures: int
    until: float
    generation: int


@dataclass(slots=True)
class SetMemory:
    """Memory of one incarnation (uid) of a VNFReplicaSet; ``clock`` is monotonic."""

    uid: str
    clock: Callable[[], float]
    records: tuple[SlotRecord, ...] | None = None
    """As last written to the status, None until then."""
    problem: str = ""
    """Reason and generation of the refusal that was last told."""
    _pending: dict[str, tuple[VmView, float]] = field(default_factory=dict)
    _blocked: dict[int, _Blocked] = field(default_factory=dict)
    _progress: tuple[object, ...] = ()
    _progress_at: float = 0.0

    def created(self, vm: VmView) -> None:
        """A VM was created; until a watch shows it, this is how we know."""
        self._pending[vm.uid] = (vm, self.clock())

    def seen(self, vm_uids: Iterable[str]) -> None:
        """These VMs came by watch."""
        for uid in vm_uids:
            self._pending.pop(uid, None)

    def pending(self) -> list[VmView]:
        """VMs created and not yet seen."""
        horizon = self.clock() - PENDING_SECONDS
        self._pending = {uid: entry for uid, entry in self._pending.items() if entry[1] > horizon}
        return [vm for vm, _ in self._pending.values()]

    def refused(self, refusals: Iterable[Refusal], generation: int) -> None:
        """Creations were refused: wait longer each time, but not beyond a changed spec."""
        for refusal in refusals:
            known = self._blocked.get(refusal.slot)
            failures = known.failures + 1 if known and known.generation == generation else 1
            seconds = min(FIRST_BLOCK_SECONDS * 2 ** min(failures - 1, 16), LAST_BLOCK_SECONDS)
            self._blocked[refusal.slot] = _Blocked(refusal, failures, self.clock() + seconds, generation)

    def unblock(self, slot: int) -> None:
        """A creation succeeded."""
        self._blocked.pop(slot, None)

    def blocks(self, generation: int) -> dict[int, CreateBlock]:
        """Slots whose creation was refused under this generation of the spec."""
        now = self.clock()
        return {
            slot: CreateBlock(entry.refusal.reason, entry.refusal.message, max(entry.until - now, 0.0))
            for slot, entry in self._blocked.items()
            if entry.generation == generation
        }

    def stalled_seconds(self, counts: Counts, generation: int) -> float:
        """For how long the counts have not changed."""
        state = (counts, generation)
        if state != self._progress:
            self._progress, self._progress_at = state, self.clock()
        return self.clock() - self._progress_at
