"""The fault table: the whole present set of what is broken on this hypervisor.

A state (``put`` ... ``clear``) is in the set as long as it lasts. An event (``event``: a VM's death) stays until two
sentinels have it on record. The beat process is told in the same turn of the event loop; the spool is written after.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from nfvi_ha.agent.fault_entry import FaultEntry
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.wire.errors import OutOfRange
from nfvi_ha.core.wire.local_fault import Packed, encode_fault, pack, unpack

_LOG: Final = logging.getLogger(__name__)

CARRIED_OVER_SECONDS: Final = 10.0
"""So long a probe has, after a restart, to see again what it saw before; then the fault counts as cleared."""
SEATS_TO_RECORD: Final = 2
SETTLED_KEPT: Final = 300
SLICE_SECONDS: Final = 0.04
"""Between two sets where one has no room for all: a set with news is sent three times, 10 ms apart."""
_BITMAP_BITS: Final = 64
_OVERFLOW: Final = FaultKey(FaultKind.AGENT_OVERFLOW, "agent")

__all__ = ["FaultKey", "FaultTable", "Observed", "Telling"]


@dataclass(frozen=True, slots=True)
class Telling:
    """What the beat process is told: the packed set, and whether something in it is new."""

    blob: bytes
    generation: int
    new: bool
    spooled: bool
    """Whether some of it is from before this process started."""


class FaultTable:
    """Gives serials and episodes, keeps what must be kept, and tells the beat process.

    ``tell`` is called with the set, then ``save`` (which must not block), both by way of ``soon``, so that fifty
    deaths seen in one turn are told together. Where a beat has no room for all of them, what was never told goes first
    in the next, ``later``: to wait until those before it are on record would take seconds.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        room: int,
        tell: Callable[[Telling], None],
        save: Callable[[], None],
        soon: Callable[[Callable[[], None]], object],
        later: Callable[[float, Callable[[], None]], object] | None = None,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.memory = memory
        self.seats_needed = SEATS_TO_RECORD
        self._room = room
        self._tell = tell
        self._save = save
        self._soon = soon
        self._later = later or (lambda _, call: soon(call))
        self._wall_ms = wall_ms
        self._carried_until = monotonic() + CARRIED_OVER_SECONDS
        self._monotonic = monotonic
        # Grows over restarts, too, so that an answer to a set of an earlier process is never taken for a later one's.
        self._generation = int(monotonic() * 1000)
        self._new = bool(memory.entries)
        self._scheduled = False
        self.left_out: Mapping[FaultKind, int] = {}
        """Counts of what the last set sent had no room for."""

    def put(self, key: FaultKey, observed: Observed) -> None:
        """The fault is there (still). Seen again it keeps its serial, its episode and the time of first sight."""
        entry = self.memory.entries.get(key)
        if entry is None:
            self._add(key, observed, is_event=False)
            return
        entry.carried_over = False
        self._update(entry, observed)

    def clear(self, key: FaultKey) -> None:
        """The fault is gone; nothing happens if it was not there. Events are not cleared, they are recorded."""
        entry = self.memory.entries.get(key)
        if entry is None or entry.is_event:
            return
        del self.memory.entries[key]
        self.memory.episodes[key] = entry.episode + 1
        self._changed()

    def event(self, key: FaultKey, observed: Observed) -> None:
        """Something happened that has no end. A second call may add proof; a VM's death happens only once."""
        entry = self.memory.entries.get(key)
        if entry is not None:
            self._update(entry, observed)
            return
        settled = self.memory.settled.get(key)
        if settled is None:
            self._add(key, observed, is_event=True)
        elif observed.proof and not settled.observed.proof:
            # On record without its proof: the same fault goes out again, so that the proof gets there, too.
            self.memory.entries[key] = self.memory.settled.pop(key)
            self._update(settled, observed)

    def answered(self, seat: int, generation: int, recorded_upto: int, bitmap: int) -> None:
        """A seat says, on a beat with the set of that generation, which serials it has on record.

        A serial counts only if that very set showed it as it is now: a seat cannot have recorded what it was not sent.
        """
        for entry in list(self.memory.entries.values()):
            if not entry.is_event or entry.shown_since is None or generation < entry.shown_since:
                continue
            beyond = entry.serial - recorded_upto - 1
            if beyond < 0 or (beyond < _BITMAP_BITS and bitmap >> beyond & 1):
                entry.recorded_by.add(seat)
            else:
                entry.recorded_by.discard(seat)
            if len(entry.recorded_by) >= self.seats_needed:
                self._settle(entry)

    def node_episode(self, episode: int) -> None:
        """The sentinels' word on the hypervisor's own episode."""
        if episode > self.memory.node_episode:
            self.memory.node_episode = episode
            self._save()

    def expire(self) -> None:
        """Clear what was carried over a restart and not seen again in time. To be called about once a second."""
        if self._monotonic() < self._carried_until:
            return
        for key, entry in list(self.memory.entries.items()):
            if entry.carried_over:
                self.clear(key)

    def tell_again(self) -> None:
        """Tell the beat process the present set, as when it asks."""
        self._changed()

    def counts(self) -> dict[FaultKind, int]:
        """How many of each kind are in the set."""
        found: dict[FaultKind, int] = {}
        for key in self.memory.entries:
            found[key.kind] = found.get(key.kind, 0) + 1
        return found

    def _add(self, key: FaultKey, observed: Observed, *, is_event: bool) -> None:
        seen = observed if observed.seen_at_ms else replace(observed, seen_at_ms=self._wall_ms())
        episode = self.memory.episodes.get(key, 0)
        entry = FaultEntry(key, seen, is_event, self.memory.take_serial(), episode)
        if not _sayable(entry):
            return
        self.memory.entries[key] = entry
        self.memory.reserve()
        self._changed(new=True)

    def _update(self, entry: FaultEntry, observed: Observed) -> None:
        before = entry.observed
        proof = observed.proof or before.proof
        after = replace(observed, seen_at_ms=before.seen_at_ms, proof=proof)
        if after == before:
            return
        if not _sayable(replace(entry, observed=after)):
            return
        entry.observed = after
        entry.shown_since = None
        entry.recorded_by.clear()
        worse = proof != before.proof or observed.severity is not before.severity
        self._changed(new=worse)

    def _settle(self, entry: FaultEntry) -> None:
        key, settled = entry.key, self.memory.settled
        del self.memory.entries[key]
        if entry.observed.vm_uid:
            settled[key] = entry
            while len(settled) > SETTLED_KEPT:
                del settled[next(iter(settled))]
        else:
            self.memory.episodes[key] = entry.episode + 1
        self._changed()

    def _changed(self, *, new: bool = False) -> None:
        self._new = self._new or new
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._flush)

    def _pack(self) -> Packed:
        faults = [entry.on_the_wire() for entry in self.memory.entries.values()]
        untold = frozenset(entry.serial for entry in self.memory.entries.values() if not entry.told)
        packed = pack(faults, self._room, self.memory.episodes.get(_OVERFLOW, 0), first=untold)
        if self.left_out and not packed.left_out:
            self.memory.episodes[_OVERFLOW] = self.memory.episodes.get(_OVERFLOW, 0) + 1
        self.left_out = packed.left_out
        return packed

    def _flush(self) -> None:
        self._scheduled = False
        self._generation += 1
        packed = self._pack()
        shown = {fault.serial for fault in unpack(packed.blob)}
        fresh = [entry for entry in self.memory.entries.values() if entry.serial in shown and not entry.told]
        for entry in self.memory.entries.values():
            if entry.serial not in shown:
                entry.shown_since = None
            elif entry.shown_since is None:
                entry.shown_since = self._generation
            entry.told = entry.told or entry.serial in shown
        new, self._new = self._new, False
        spooled = any(entry.from_before for entry in self.memory.entries.values())
        self._tell(Telling(packed.blob, self._generation, new, spooled))
        self._save()
        if fresh:  # else what is left has no room in any set, however often it is tried
            self._later(SLICE_SECONDS, self._next_slice)

    def _next_slice(self) -> None:
        if any(not entry.told for entry in self.memory.entries.values()):
            self._changed(new=True)


def _sayable(entry: FaultEntry) -> bool:
    """Whether a beat can carry it. One that a probe filled in wrongly must not keep all others from being told."""
    try:
        encode_fault(entry.on_the_wire())
    except OutOfRange as error:
        key = entry.key
        _LOG.error("a fault cannot be told", extra={"kind": key.kind.value, "on": key.on, "error": str(error)})
        return False
    return True
