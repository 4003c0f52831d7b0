"""Watching our own loop: a sentinel that stood still must not take its own deafness for the silence of others."""

from collections import deque
from collections.abc import Callable
from typing import Final

STALL_SECONDS: Final = 0.1
WINDOW_SECONDS: Final = 1.0


class LagWatch:
    """Compares when ticks came with when they were due.

    Args:
        period_seconds: between ticks.
        on_stall: told of each stall before anything is judged: seconds, now.
    """

    def __init__(self, period_seconds: float, on_stall: Callable[[float, float], None]) -> None:
        self._period = period_seconds
        self._on_stall = on_stall
        self._last: float | None = None
        self._recent: deque[tuple[float, float]] = deque()

    def tick(self, now: float) -> float:
        """A tick comes at ``now`` (monotonic); returns how late it is, in seconds."""
        late = 0.0 if self._last is None else max(0.0, now - self._last - self._period)
        self._last = now
        self._recent.append((now, late))
        while self._recent[0][0] < now - WINDOW_SECONDS:
            self._recent.popleft()
        if late > STALL_SECONDS:
            self._on_stall(late, now)
        return late

    @property
    def worst_seconds(self) -> float:
        """Within the last second."""
        return max((late for _, late in self._recent), default=0.0)
