"""Outages of one path, and which of them were failovers: measured by probes, explained by links and bonds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.links.link_state import LinkState
from nfvi_ha.core.links.reach import Outage, Reach, is_silence

NEAR_SECONDS: Final = 0.5
"""An outage has to do with the loss of a member, or with a change of the active one, that was seen so near to it."""
EXPLAINED_SECONDS: Final = 0.3
"""So long after its end an outage waits for what explains it: carriers and bonds are polled each 100 ms."""
INTERRUPTED_SECONDS: Final = 0.5
"""An outage that nothing explains is told from this length on; shorter ones are in the metrics."""


@dataclass(frozen=True, slots=True)
class PathSight:
    """A path as sysfs, bond and routes show it."""

    members: Mapping[str, LinkState]
    active: str = ""
    """The member that carries it; "" where all do, or where it is not known."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An outage that is over."""

    outage: Outage
    failed_over: bool
    """Another member carries the path now. Else it was interrupted, and goes on as before."""
    active: str


class Failovers:
    """Keeps what is needed to tell them."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._lost: frozenset[str] = frozenset()
        self._several = False
        self._active = ""
        self._active_before = ""
        """The active one of when the path was last without outage."""
        self._disturbed_at = float("-inf")
        self._waiting: list[Outage] = []
        self._measured: list[Outage] = []

    def sees(self, sight: PathSight, now: float) -> None:
        """It looks so now."""
        lost = frozenset(name for name, state in sight.members.items() if state is not LinkState.UP)
        if lost - self._lost or (self._active and sight.active and sight.active != self._active):
            self._disturbed_at = now
        self._lost = lost
        self._several = len(sight.members) > 1
        self._active = sight.active or self._active

    def look(self, now: float) -> list[Ended]:
        """Outages that are over and explained, or for which no explanation came."""
        self._waiting += self._reach.ended()
        ended: list[Ended] = []
        open_ones: list[Outage] = []
        for outage in self._waiting:
            if self.explains(outage):
                failed_over = self._has_failed_over()
                if failed_over or is_silence(outage):
                    ended.append(Ended(outage, failed_over, self._active))
                    self._measured.append(outage)
            elif now - outage.end < EXPLAINED_SECONDS:
                open_ones.append(outage)
            elif outage.sure and is_silence(outage):
                self._measured.append(outage)
                if outage.seconds >= INTERRUPTED_SECONDS:
                    ended.append(Ended(outage, failed_over=False, active=self._active))
        self._waiting = open_ones
        if not open_ones and now - self._disturbed_at > NEAR_SECONDS and self._reach.outage(now) is None:
            self._active_before = self._active
        return ended

    def take_measured(self) -> list[Outage]:
        """All outages of more than a chance loss, each once, for whoever counts them."""
        measured, self._measured = self._measured, []
        return measured

    def forgive(self) -> None:
        """We stood still ourselves: nothing was measured."""
        self._reach.forgive()
        self._waiting.clear()

    def explains(self, outage: Outage) -> bool:
        """Whether a member was lost, or the active one changed, near to it."""
        return outage.start - NEAR_SECONDS <= self._disturbed_at <= outage.end + NEAR_SECONDS

    @property
    def waiting(self) -> bool:
        """Whether an outage waits for its explanation."""
        return bool(self._waiting)

    @property
    def active(self) -> str:
        """The member that carries the path, as far as known."""
        return self._active

    def _has_failed_over(self) -> bool:
        if not self._several:
            return False
        if self._active and self._active_before:
            return self._active != self._active_before
        return bool(self._lost)
