"""Which nodes speak now? Judged by when we saw them write, never by comparing clocks.

A node speaks when its Lease changes, and also when a watch shows its kubelet or virt-handler writing something else.
"""

from dataclasses import dataclass
from typing import Final

GRACE_SECONDS: Final = 40.0
"""As Kubernetes' node-monitor-grace-period: a kubelet renews every 10 s."""


@dataclass(slots=True)
class _Heard:
    renewed: str
    at: float | None


class NodeFreshness:
    """When each node was last seen to write, by our own monotonic clock.

    A Lease that was there when we started proves nothing until it changes: for all we know its node died a week ago.
    """

    def __init__(self, grace_seconds: float = GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._heard: dict[str, _Heard] = {}

    def observe(self, node: str, renew_time: str, at: float) -> bool:
        """Note a Lease's renewTime as received ``at`` (monotonic seconds). True when the node became fresh by it."""
        heard = self._heard.get(node)
        if heard is None or not heard.renewed:
            self._heard[node] = _Heard(renew_time, heard.at if heard else None)
            return False
        if heard.renewed == renew_time:
            return False
        was_fresh = self.is_fresh(node, at)
        self._heard[node] = _Heard(renew_time, at)
        return not was_fresh

    def heard(self, node: str, at: float) -> None:
        """A watch showed something else that only this node writes, as it was written (not from a list)."""
        known = self._heard.setdefault(node, _Heard("", None))
        known.at = at if known.at is None else max(known.at, at)

    def forget(self, node: str) -> None:
        """The Lease is gone."""
        self._heard.pop(node, None)

    def is_fresh(self, node: str, now: float) -> bool:
        """Whether the node's kubelet was heard within the grace period."""
        heard = self._heard.get(node)
        return heard is not None and heard.at is not None and now - heard.at <= self._grace_seconds

    def fresh_nodes(self, now: float) -> frozenset[str]:
        """All fresh nodes."""
        return frozenset(node for node in self._heard if self.is_fresh(node, now))
