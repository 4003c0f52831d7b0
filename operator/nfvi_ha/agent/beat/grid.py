"""A timer without drift, and how late the loop was."""

from collections import deque
from dataclasses import dataclass
from typing import Final

SLOW_SECONDS: Final = 0.1
"""A loop that was later than this says so (SELF_SLOW), and its silence or its probes prove less."""
LAG_WINDOW_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One period that came due."""

    lag_seconds: float
    skipped: int
    """Whole periods that went by unused before it."""


class Grid:
    """Points in time ``start + n x period``; being late moves none of them."""

    def __init__(self, period_seconds: float, start: float) -> None:
        self.period_seconds = period_seconds
        self._start = start
        self._number = 0

    @property
    def next_at(self) -> float:
        """When the next period begins. Multiplied, not added up: no error gathers over months."""
        return self._start + self._number * self.period_seconds

    def take(self, now: float) -> Turn | None:
        """The period that is due, or None. Periods that are over already are skipped, not made up for."""
        lag = now - self.next_at
        if lag < 0:
            return None
        due = self._number
        self._number += int(lag / self.period_seconds) + 1
        if self.next_at <= now:
            self._number += 1
        return Turn(lag, self._number - due - 1)


class LagWatch:
    """The largest lag of the last second."""

    def __init__(self) -> None:
        self._lags: deque[tuple[float, float]] = deque()
        self.largest_ever = 0.0

    def note(self, lag_seconds: float, now: float) -> None:
        """The loop was so late at this turn."""
        lags = self._lags
        while lags and (lags[0][0] < now - LAG_WINDOW_SECONDS or len(lags) > 1000):
            lags.popleft()
        lags.append((now, lag_seconds))
        self.largest_ever = max(self.largest_ever, lag_seconds)

    @property
    def seconds(self) -> float:
        """Of the turns noted in the second before the last one."""
        return max((lag for _, lag in self._lags), default=0.0)

    @property
    def slow(self) -> bool:
        """Whether that was too much."""
        return self.seconds > SLOW_SECONDS
