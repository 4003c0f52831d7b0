"""Which file descriptors the loop waits for, and who is called when one is ready."""

import math
import select
from collections.abc import Callable
from typing import Final

READ: Final = select.POLLIN
WRITE: Final = select.POLLOUT


class Poller:
    """``poll(2)`` with callbacks."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._ready: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, events: int, ready: Callable[[], None]) -> None:
        """Call ``ready`` when one of the events, an error or a hang-up is there."""
        self._poll.register(fd, events)
        self._ready[fd] = ready

    def forget(self, fd: int) -> None:
        """Watch it no more; before it is closed."""
        if self._ready.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def wait(self, seconds: float) -> None:
        """Wait so long at most, then call all that is ready."""
        for fd, _ in self._poll.poll(max(0, math.ceil(seconds * 1000))):
            ready = self._ready.get(fd)
            if ready is not None:
                ready()
