"""Who writes first: the lowest seat that lives, and the others after it, if it is not done by then."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

MUTE_SECONDS: Final = 3.0
"""The hot process says each second that it is alive. One that said nothing for so long stands still."""


class Rank:
    """This seat's place among those that are heard. Until the hot process has told of them, the seat itself."""

    def __init__(self, seat: int, rank_seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seat = seat
        self._rank_seconds = rank_seconds
        self._monotonic = monotonic
        self._place = seat
        self._spoke_at = float("-inf")

    @property
    def place(self) -> int:
        """0 for the one that writes at once."""
        return self._place

    def heard(self, seats: Sequence[Any]) -> None:
        """These seats live, this one included."""
        lower = {seat for seat in seats if isinstance(seat, int) and 0 <= seat < self._seat}
        self._place = len(lower)

    def spoke(self) -> None:
        """The hot process said something."""
        self._spoke_at = self._monotonic()

    @property
    def speaks(self) -> bool:
        """Whether the hot process has spoken just now: what it said before may be long untrue."""
        return self._monotonic() - self._spoke_at <= MUTE_SECONDS

    def delay_seconds(self) -> float:
        """How long this seat waits."""
        return self._place * self._rank_seconds
