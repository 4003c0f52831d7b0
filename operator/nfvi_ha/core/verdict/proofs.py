"""What probes have shown of a host whose beats are not heard.

An accepted connection or a UDP echo proves that something on the host still works. ICMP and RST prove only a kernel
(facts/detection.md: a kernel answers ICMP while nothing above it runs).
"""

from typing import Final

from nfvi_ha.core.verdict.inputs import Method, Outcome, Reach

NEVER: Final = float("-inf")
STEADY_GAP_SECONDS: Final = 1.5
"""Answers further apart are not one steady service; probes of a failed host come every second."""

_REACH: Final = {Method.TCP: Reach.TCP, Method.ICMP: Reach.ICMP, Method.UDP: Reach.UDP}


class Proofs:
    """When it was last reached, and how."""

    __slots__ = ("_near_at", "_own", "by_peers_only", "kernel_at", "served_at", "served_since", "tcp_tried_at")

    def __init__(self) -> None:
        self.served_at = NEVER
        """A connection was accepted or an echo answered, by whoever asked."""
        self.served_since = NEVER
        self.kernel_at = NEVER
        """At least its kernel answered."""
        self.tcp_tried_at = NEVER
        """A port that was seen open before was tried and did not accept."""
        self.by_peers_only = True
        """No seat of its own was served, only peers were."""
        self._own: dict[Reach, float] = {}
        self._near_at = NEVER

    def probed(self, method: Method, outcome: Outcome, *, by_peer: bool, now: float) -> bool:
        """Take in one result. Whether it is the first answer by that method for a while."""
        if method is Method.TCP and outcome is not Outcome.ACCEPTED:
            self.tcp_tried_at = now
        if outcome is Outcome.SILENT:
            return False
        refused = outcome is Outcome.REFUSED
        reach = Reach.ICMP if refused else _REACH[method]
        news = now - self._own.get(reach, NEVER) > STEADY_GAP_SECONDS
        self._own[reach] = now
        self.kernel_at = now
        if reach is not Reach.ICMP:
            self._near_at = self._near_at if by_peer else now
            self._served(now, near=not by_peer)
        return news

    def told(self, by: Reach, now: float) -> None:
        """Another seat says by what it, or a peer it asked, reached the host just now."""
        if by & (Reach.TCP | Reach.UDP):
            self._served(now, near=not by & Reach.PEERS)
        if by & (Reach.TCP | Reach.UDP | Reach.ICMP):
            self.kernel_at = now

    def shared(self, now: float, within_seconds: float) -> Reach:
        """What this seat can tell the others: methods that it or its peers had an answer by just now."""
        reach = Reach.NONE
        for method, at in self._own.items():
            if now - at <= within_seconds:
                reach |= method
        if reach & (Reach.TCP | Reach.UDP) and now - self._near_at > within_seconds:
            reach |= Reach.PEERS
        return reach

    def served_for(self, since: float, now: float) -> float:
        """Seconds of steady service since then and up to now; 0 when it does not serve."""
        if now - self.served_at > STEADY_GAP_SECONDS:
            return 0.0
        return self.served_at - max(self.served_since, since)

    def _served(self, now: float, *, near: bool) -> None:
        if now - self.served_at > STEADY_GAP_SECONDS:
            self.served_since, self.by_peers_only = now, True
        self.served_at = now
        self.by_peers_only = self.by_peers_only and not near
