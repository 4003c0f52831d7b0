"""Virtual time: a heap of things to do, and no waiting."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Seconds since the scenario began; what is due at one moment is done in the order it was asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.after_each: Callable[[], None] = lambda: None

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do something in so many seconds."""
        heapq.heappush(self._due, (round(self.now + seconds, 6), next(self._order), what))

    def run(self, seconds: float) -> None:
        """Do all that is due within so many seconds."""
        end = round(self.now + seconds, 6)
        while self._due and self._due[0][0] <= end:
            self.now, _, what = heapq.heappop(self._due)
            what()
            self.after_each()
        self.now = end

    def wall(self) -> datetime:
        """The operator's clock."""
        return EPOCH + timedelta(seconds=self.now)


def stamp(seconds: float) -> datetime:
    """As Kubernetes stamps it: whole seconds."""
    return EPOCH + timedelta(seconds=int(seconds))
