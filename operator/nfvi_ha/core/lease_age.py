"""Since when a node's Lease was not renewed, by when we saw it change (never by its own stamp: clocks differ).

A Lease is stale only if the API server was heard after it should have changed: while the server is away, nothing
is known of any node, and all of them would look dead at once.
"""

from dataclasses import dataclass
from typing import Final

STALE_SECONDS: Final = 30.0
"""A kubelet renews every 10 s (DESIGN section 4: AgentLost with a Lease stale for longer is Hung)."""


@dataclass(slots=True)
class _Seen:
    renewed: str
    changed_at: float
    proven_at: float


class LeaseAges:
    """The Leases of all nodes. Times are monotonic seconds."""

    def __init__(self, stale_seconds: float = STALE_SECONDS) -> None:
        self._stale_seconds = stale_seconds
        self._seen: dict[str, _Seen] = {}

    def observe(self, node: str, renew_time: str, at: float) -> None:
        """The node's Lease said so when it was received."""
        seen = self._seen.get(node)
        if seen is None or seen.renewed != renew_time:
            self._seen[node] = _Seen(renew_time, at, at)
        else:
            seen.proven_at = max(seen.proven_at, at)

    def forget(self, node: str) -> None:
        """The Lease is gone."""
        self._seen.pop(node, None)

    def is_stale(self, node: str) -> bool:
        """Whether the Lease was proven not to have been renewed for too long. One never seen is not."""
        seen = self._seen.get(node)
        return seen is not None and seen.proven_at - seen.changed_at > self._stale_seconds

    def doubtful(self, now: float) -> list[str]:
        """Nodes whose Lease should have changed by now and was not looked at since: ask for it."""
        return [
            node
            for node, seen in self._seen.items()
            if now - seen.changed_at > self._stale_seconds and not self.is_stale(node)
        ]
