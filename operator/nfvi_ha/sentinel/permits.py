"""Permits: the word by which an agent may go on feeding its watchdog (DESIGN section 5, evidence WatchdogExpired).

When the last one was given is what makes "the watchdog has expired" provable, so it is kept for every node and boot
that was ever permitted by this process, also when the node left the roster: what was forgotten would read as older.
What an earlier process permitted nobody knows: it counts as permitting until ``started_at``.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LastPermit:
    """What fencing needs to know of one node and boot."""

    at: float
    """Monotonic; of our start if there was none since."""
    revoked: bool


class Permits:
    """The ledger of permits.

    Args:
        monotonic: the clock.
        may_live: whether a node may go on: False once it is judged Failed.
    """

    def __init__(self, monotonic: Callable[[], float], may_live: Callable[[str], bool]) -> None:
        self._monotonic = monotonic
        self._may_live = may_live
        self._last: dict[tuple[str, str], float] = {}
        self.started_at = monotonic()

    def ask(self, node: str, boot_id: str) -> bool:
        """Whether this node and boot gets a permit now; if so, it is noted before it is sent."""
        if not boot_id or not self._may_live(node):
            return False
        self._last[node, boot_id] = self._monotonic()
        return True

    def last(self, node: str, boot_id: str) -> LastPermit:
        """The last permit that this seat can have given."""
        return LastPermit(self._last.get((node, boot_id), self.started_at), revoked=not self._may_live(node))
