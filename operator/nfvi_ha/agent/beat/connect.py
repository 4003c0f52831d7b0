"""Trying TCP ports of one address: does one of them accept?"""

import errno
import socket
import struct
from collections.abc import Callable
from typing import Final

from nfvi_ha.agent.beat.poller import WRITE, Poller
from nfvi_ha.agent.beat.port import family_of
from nfvi_ha.core.wire.probe import Outcome

_NO_LINGER: Final = struct.pack("ii", 1, 0)
"""Closed by a reset: no TIME_WAIT is left for each trial."""
_RANK: Final = {Outcome.SILENT: 0, Outcome.REFUSED: 1, Outcome.ACCEPTED: 2}


class Connect:
    """Connects to all ports at once.

    ``decided`` is called once: with ACCEPTED at the first that accepts, else with the best when none is open any more.
    """

    def __init__(self, poller: Poller, decided: Callable[[Outcome], None]) -> None:
        self._poller = poller
        self._decided = decided
        self._open: dict[int, socket.socket] = {}
        self._best = Outcome.SILENT
        self._over = False

    def start(self, source: str, address: str, ports: tuple[int, ...]) -> None:
        """Connect from ``source``, so out of the network that is asked about, whatever the routes say."""
        for port in ports:
            connecting = socket.socket(family_of(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            error = _connect(connecting, source, address, port)
            if error == errno.EINPROGRESS:
                fd = connecting.fileno()
                self._open[fd] = connecting
                self._poller.watch(fd, WRITE, lambda fd=fd: self._ready(fd))  # type: ignore[misc]
            else:
                connecting.close()
                self._note(error)
        self._conclude()

    def end(self) -> None:
        """Close what is open; ``decided`` is not called any more."""
        self._over = True
        for fd in list(self._open):
            self._close(fd)

    def _ready(self, fd: int) -> None:
        error = self._open[fd].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._close(fd)
        self._note(error)
        self._conclude()

    def _close(self, fd: int) -> None:
        self._poller.forget(fd)
        self._open.pop(fd).close()

    def _note(self, error: int) -> None:
        outcome = _OUTCOME.get(error, Outcome.SILENT)
        if _RANK[outcome] > _RANK[self._best]:
            self._best = outcome

    def _conclude(self) -> None:
        if not self._over and (self._best is Outcome.ACCEPTED or not self._open):
            self.end()
            self._decided(self._best)


_OUTCOME: Final = {0: Outcome.ACCEPTED, errno.ECONNREFUSED: Outcome.REFUSED}


def _connect(connecting: socket.socket, source: str, address: str, port: int) -> int:
    """The errno of the attempt, 0 if it is connected at once."""
    try:
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        connecting.bind((source, 0))
        return connecting.connect_ex((address, port))
    except OSError as error:
        return error.errno or errno.EIO
