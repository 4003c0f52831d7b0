"""A UDP socket on one network, with a buffer that holds what comes in while we stand still."""

import asyncio
import errno
import socket
import struct
from dataclasses import dataclass
from typing import Final

from nfvi_ha.sentinel.sources import Place

RECEIVE_BUFFER_BYTES: Final = 8 << 20
"""The kernel doubles it, and counts 768 bytes for each small datagram: room for 20,000, 2 s of 1,000 nodes at 10 Hz."""
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("=9I")
_LEAST_COST_BYTES: Final = 512
"""Less than what the kernel counts for any datagram (its own two structures alone are more)."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen."""

    host: str
    """IP address."""
    port: int
    network: int | None = None
    """Its index; beats that say another one are dropped. None takes all."""


class Port:
    """An open socket. Mutable: how much is still to be read, and when."""

    def __init__(self, listen: Listen) -> None:
        """Open it.

        Raises:
            OSError: the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        self.network = listen.network
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self._enlarge()
            self.socket.bind((listen.host, listen.port))
        except OSError:
            self.socket.close()
            raise
        self.owed = 0
        """At most so many datagrams that had arrived when the judge last asked are not read yet."""
        self.turned_at = float("-inf")
        """When the loop last woke the reader for it."""
        self.pause: asyncio.TimerHandle | None = None
        """While the loop does not wake the reader for each datagram: when the reader looks next."""

    @property
    def address(self) -> Place:
        """Where it is bound."""
        place: Place = self.socket.getsockname()
        return place

    @property
    def buffer_bytes(self) -> int:
        """What the kernel granted, by its own way of counting."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def waiting(self) -> int:
        """Datagrams in the kernel's queue now: at most so many, perhaps fewer."""
        return self._meminfo()[0] // _LEAST_COST_BYTES

    def lost(self) -> int:
        """Datagrams that found the buffer full since it was opened."""
        return self._meminfo()[8]

    def send(self, data: bytes, place: Place) -> bool:
        """Send a datagram if the kernel takes it now; what is lost is as good as lost on the way."""
        try:
            self.socket.sendto(data, place)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def _enlarge(self) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        except OSError as error:
            if error.errno != errno.EPERM:
                raise
            # Without CAP_NET_ADMIN the kernel gives as much of it as net.core.rmem_max allows.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)

    def _meminfo(self) -> tuple[int, ...]:
        return _MEMINFO.unpack(self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
