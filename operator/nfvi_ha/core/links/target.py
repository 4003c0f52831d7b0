"""What probes to one target of a path tell: when it fell silent, and since when it answers steadily."""

from collections import deque
from typing import Final

PATIENCE_SECONDS: Final = 0.1
"""A probe without an answer for so long is taken for lost, until a late answer says otherwise."""
MISSES: Final = 3
"""So many lost in a row are silence; one or two are what a busy network loses now and then."""
_KEPT: Final = 64
REFUSAL_SECONDS: Final = 3.0
"""The kernel of a host says "port unreachable" once a second at most (icmp_ratelimit)."""


class Target:
    """The record of one target. Times are CLOCK_MONOTONIC in seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked_at: float | None = None
        """When it was asked first."""
        self.began: float | None = None
        """When the oldest probe was sent that has no answer and is younger than the last one that has."""
        self.answered_sent = float("-inf")
        """When the youngest probe was sent that was answered."""
        self.answered_at = float("-inf")
        self.steady_since: float | None = None
        """Since when it answers without being silent in between."""
        self.proven = False
        """Whether it ever answered; then its silence means something."""
        self._refused_at = float("-inf")
        self._refusing_since: float | None = None
        self._open: deque[float] = deque(maxlen=_KEPT)

    def sent(self, now: float) -> None:
        """A probe went out, or would have if there were a route."""
        if self.asked_at is None:
            self.asked_at = now
        if self.began is None:
            self.began = now
        self._open.append(now)

    def lost_between(self, start: float, end: float) -> int:
        """How many probes that were sent in that time have no answer."""
        return sum(1 for sent in self._open if start <= sent < end)

    def answered(self, sent_at: float, now: float) -> None:
        """The probe of that time was answered: those before it are lost, if they were not answered."""
        if sent_at <= self.answered_sent:
            return
        lost = self.lost_between(self.answered_sent, sent_at)
        while self._open and self._open[0] <= sent_at:
            self._open.popleft()
        self.began = self._open[0] if self._open else None
        self.answered_sent, self.answered_at = sent_at, now
        self.proven = True
        self._refusing_since = None
        if self.steady_since is None or lost >= MISSES:
            self.steady_since = now

    def refused(self, now: float) -> None:
        """Its host says that nobody listens there: the path works, and its silence says nothing of the path."""
        self._refused_at = now
        if self._refusing_since is None:
            self._refusing_since = now
        self.proven = False
        self.steady_since = None

    def refuses(self, now: float) -> bool:
        """Whether its host has just said so."""
        return now - self._refused_at < REFUSAL_SECONDS

    def refusing_seconds(self, now: float) -> float:
        """For how long it has refused and not answered; 0 if it does not refuse now."""
        return now - self._refusing_since if self._refusing_since is not None and self.refuses(now) else 0.0

    def missed(self, now: float) -> int:
        """How many probes are lost since it answered last."""
        return sum(1 for sent in self._open if now - sent > PATIENCE_SECONDS)

    def silent_seconds(self, now: float) -> float:
        """How long it has been silent; 0 while it may only have lost a probe or two."""
        return now - self.began if self.began is not None and self.missed(now) >= MISSES else 0.0

    def steady_seconds(self, now: float) -> float:
        """How long it has answered without silence; 0 if it is silent."""
        if self.steady_since is None or self.missed(now) >= MISSES:
            return 0.0
        return now - self.steady_since

    def forgive(self) -> None:
        """We stood still ourselves: what has no answer yet is nobody's fault."""
        self._open.clear()
        self.began = None
