"""How many incidents a node may make: one whose agent has a defect, or was taken over, must end at its own bound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

BURST: Final = 512.0
"""New incidents at once: all VMs of a big hypervisor and all of its processes, twice."""
PER_SECOND: Final = 1.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Allowance:
    """A token bucket for each node.

    Args:
        monotonic: the clock.
        burst: incidents at once.
        per_second: so many more each second.
    """

    def __init__(self, monotonic: Callable[[], float], burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._monotonic = monotonic
        self._burst = burst
        self._per_second = per_second
        self._buckets: dict[str, _Bucket] = {}

    def has(self, node: str) -> bool:
        """Whether the node may make one more now."""
        return self._filled(node).tokens >= 1.0

    def take(self, node: str) -> None:
        """It has made one."""
        self._filled(node).tokens -= 1.0

    def forget(self, node: str) -> None:
        """The node left the roster."""
        self._buckets.pop(node, None)

    def _filled(self, node: str) -> _Bucket:
        now = self._monotonic()
        bucket = self._buckets.setdefault(node, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        return bucket
