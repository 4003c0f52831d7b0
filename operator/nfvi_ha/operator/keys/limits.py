"""How often anybody may ask: each question costs the API server two, so a flood of them must end here."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PER_SOURCE: Final = 10.0
"""Questions one address may ask at once; an agent asks once in ten minutes."""
SOURCE_PER_SECOND: Final = 0.5
OF_ALL: Final = 200.0
"""Questions that all may ask at once: a thousand agents that start together are through within 20 s."""
ALL_PER_SECOND: Final = 50.0
SOURCES_KEPT: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float

    def take(self, now: float, burst: float, per_second: float) -> bool:
        self.tokens = min(burst, self.tokens + (now - self.at) * per_second)
        self.at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Limits:
    """A token bucket for each address, and one for all. ``clock`` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._all = _Bucket(OF_ALL, clock())
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()

    def allow(self, source: str) -> bool:
        """Whether that address may ask now; a refusal costs the others nothing."""
        now = self._clock()
        bucket = self._sources.setdefault(source, _Bucket(PER_SOURCE, now))
        self._sources.move_to_end(source)
        while len(self._sources) > SOURCES_KEPT:
            self._sources.popitem(last=False)
        return bucket.take(now, PER_SOURCE, SOURCE_PER_SECOND) and self._all.take(now, OF_ALL, ALL_PER_SECOND)
