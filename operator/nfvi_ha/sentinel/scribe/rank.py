"""Who writes first: the lowest seat that lives, and the others after it, if it is not done by then."""

from collections.abc import Sequence
from typing import Any


class Rank:
    """This seat's place among those that are heard. Until the hot process has told of them, the seat itself."""

    def __init__(self, seat: int, rank_seconds: float) -> None:
        self._seat = seat
        self._rank_seconds = rank_seconds
        self._place = seat

    @property
    def place(self) -> int:
        """0 for the one that writes at once."""
        return self._place

    def heard(self, seats: Sequence[Any]) -> None:
        """These seats live, this one included."""
        lower = {seat for seat in seats if isinstance(seat, int) and 0 <= seat < self._seat}
        self._place = len(lower)

    def delay_seconds(self) -> float:
        """How long this seat waits."""
        return self._place * self._rank_seconds
