"""The last half second: GOODBYE until two seats have accepted it."""

from typing import Final

from nfvi_ha.core.wire.goodbye import GoodbyeReason

SEATS_TO_ACCEPT: Final = 2
PATIENCE_SECONDS: Final = 0.5


class Farewell:
    """Why and for how long we shall be away, and whether we are on our way out."""

    def __init__(self, reason: str, seconds: int) -> None:
        self.reason = GoodbyeReason(reason)
        self.seconds = seconds
        self._until: float | None = None

    def set(self, reason: str, seconds: int) -> None:
        """A stop for another reason is coming.

        Raises:
            ValueError: there is no such reason.
        """
        self.reason, self.seconds = GoodbyeReason(reason), seconds

    def begin(self, now: float) -> None:
        """We are told to stop."""
        if self._until is None:
            self._until = now + PATIENCE_SECONDS

    @property
    def begun(self) -> bool:
        """Whether we are on our way out."""
        return self._until is not None

    def over(self, now: float, accepted: int, seats: int) -> bool:
        """Whether we may go: two seats know (or all that there are), or we waited long enough."""
        return self._until is not None and (now >= self._until or accepted >= min(SEATS_TO_ACCEPT, seats))
