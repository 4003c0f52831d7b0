"""Whose turn it is: seat 0 tells at once, seat n after n x 100 ms, and not where it was told to be delivered.

A seat below that has been silent for a while is not waited for. All of this only saves doubles: a seat that knows too
little tells too much, with the same id.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

TURN_SECONDS: Final = 0.1
REMEMBERED: Final = 20_000
"""Notifications whose deliveries elsewhere are kept in mind."""


class Turns:
    """Delays of this seat, and what the others delivered.

    Args:
        seat: ours.
        alive: the other seats that are heard now.
    """

    def __init__(self, seat: int, alive: Callable[[], Iterable[int]]) -> None:
        self._seat = seat
        self._alive = alive
        self._told: OrderedDict[str, set[str]] = OrderedDict()

    def delay_seconds(self) -> float:
        """How long those before us are given."""
        return TURN_SECONDS * sum(1 for seat in self._alive() if seat < self._seat)

    def told(self, notification: str, endpoints: Iterable[str]) -> None:
        """Another seat delivered it there."""
        self._told.setdefault(notification, set()).update(endpoints)
        self._told.move_to_end(notification)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def delivered_elsewhere(self, notification: str) -> frozenset[str]:
        """Endpoints that have it from another seat."""
        return frozenset(self._told.get(notification, ()))
