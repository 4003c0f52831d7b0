"""How long to wait before the next try."""

from collections.abc import Callable


class Backoff:
    """Doubling waits with jitter: between half and all of ``first_seconds`` x 2^n, at most ``max_seconds``.

    ``random`` gives numbers in [0, 1).
    """

    def __init__(self, random: Callable[[], float], *, first_seconds: float = 0.05, max_seconds: float = 5.0) -> None:
        self._random = random
        self._first = first_seconds
        self._max = max_seconds
        self._current = first_seconds

    def next_seconds(self) -> float:
        """The next wait, in seconds."""
        wait = self._current * (0.5 + self._random() / 2)
        self._current = min(self._current * 2, self._max)
        return wait

    def reset(self) -> None:
        """Something worked: start over."""
        self._current = self._first
