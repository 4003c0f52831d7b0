"""Time, as the operator uses it; passed in everywhere so that tests can bend it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A monotonic clock for deadlines, and a wall clock for stamps that never steps back.

    The wall clock is read once and carried on by the monotonic one: an NTP step in mid-incident must not make a
    duration negative or a back-off last for hours.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.monotonic = monotonic
        self._anchor_wall = wall()
        self._anchor_monotonic = monotonic()

    def now(self) -> datetime:
        """The present time, UTC."""
        return self.stamp(self.monotonic())

    def stamp(self, monotonic: float) -> datetime:
        """The wall-clock time of a monotonic reading."""
        return self._anchor_wall + timedelta(seconds=monotonic - self._anchor_monotonic)
