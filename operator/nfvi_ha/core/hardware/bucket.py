"""A leaky bucket: how many errors there were lately, without keeping when each was."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.hardware.rule import Rate

_MOST: Final = 4
"""Times the rate's count that a bucket holds. A storm of a million errors is over as soon as one of a hundred is."""


@dataclass(slots=True)
class Bucket:
    """Fills by errors, and leaks as fast as the rate allows."""

    level: float = 0.0
    at: float = 0.0
    """When ``level`` was so, monotonic seconds."""
    over: bool = False

    def add(self, errors: int, rate: Rate, now: float) -> bool:
        """So many more. Whether the rate is exceeded.

        Once exceeded it stays so until half of what is allowed is left, so that a steady trickle does not flap.
        """
        # A clock that went back must not fill it.
        leaked = max(0.0, now - self.at) * rate.count / rate.seconds
        self.level = min(max(0.0, self.level - leaked) + errors, float(_MOST * max(rate.count, 1)))
        self.at = max(self.at, now)
        if self.level > rate.count:
            self.over = True
        elif self.level <= rate.count / 2:
            self.over = False
        return self.over
