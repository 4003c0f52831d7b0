"""Nodes that left the roster: whoever deletes a Node object proves nothing of its host, and may make it anew.

So for a while they are remembered, by us as by the verdicts; only then is what was said of them let go.
"""

from collections.abc import Iterable


class Departures:
    """Who left, and when."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}

    def set(self, before: Iterable[str], now_expected: Iterable[str], now: float) -> None:
        """Another roster: those of before that are not expected any more have left, those that are, are back."""
        expected = set(now_expected)
        for name in set(before) - expected:
            self._left.setdefault(name, now)
        for name in expected & self._left.keys():
            del self._left[name]

    def is_gone(self, name: str, now: float, seconds: float) -> bool:
        """Whether one that is not expected left so long ago.

        One that we never knew leaves when it is first asked for: a record of it is from before our start.
        """
        return now - self._left.setdefault(name, now) > seconds

    def take(self, now: float, seconds: float) -> list[str]:
        """Those that left so long ago; they are not remembered any more."""
        gone = [name for name, at in self._left.items() if now - at > seconds]
        for name in gone:
            del self._left[name]
        return gone
