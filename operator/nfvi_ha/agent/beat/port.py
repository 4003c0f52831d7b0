"""One UDP socket per network: beats go out of it, answers and questions come into it."""

import errno
import ipaddress
import socket
from collections import Counter
from typing import Final

from nfvi_ha.agent.config import Network

RETRY_SECONDS: Final = 1.0
BUFFER_BYTES: Final = 256 * 1024
IP_FREEBIND: Final = 15
_DATAGRAM_BYTES: Final = 2048
"""Longer than any of ours, so that one which is too long is seen to be so."""

Address = tuple[str, int]


class Port:
    """The socket of one network. Errors never raise: they are counted by errno name, and it is tried again."""

    def __init__(self, number: int, network: Network) -> None:
        self.number = number
        self.network = network
        self.socket: socket.socket | None = None
        self.address = ""
        """The address it is bound to."""
        self.try_at = 0.0
        """When to try to bind next, while there is no socket."""
        self.sent = 0
        self.errors: Counter[str] = Counter()

    def open(self, now: float) -> bool:
        """Bind; False if that is not possible now."""
        self.try_at = now + RETRY_SECONDS
        try:
            address = resolve(self.network.bind)
            self.socket = _bound(address, self.network.port)
        except OSError as error:
            self.errors[_name(error)] += 1
            return False
        self.address = address
        return True

    def moved(self) -> bool:
        """Whether our address in the CIDR is another one now. A network that is down has not moved."""
        if self.socket is None or "/" not in self.network.bind:
            return False
        try:
            return resolve(self.network.bind) != self.address
        except OSError:
            return False

    def send(self, datagram: bytes, to: Address) -> bool:
        """Send; False if the kernel did not take it."""
        if self.socket is None:
            self.errors["NotBound"] += 1
            return False
        try:
            self.socket.sendto(datagram, to)
        except OSError as error:
            self.errors[_name(error)] += 1
            return False
        self.sent += 1
        return True

    def receive(self) -> tuple[bytes, Address] | None:
        """One datagram and its sender; None when there is none."""
        if self.socket is None:
            return None
        try:
            datagram, sender = self.socket.recvfrom(_DATAGRAM_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            self.errors[_name(error)] += 1
            return None
        return datagram, (sender[0], sender[1])

    def close(self) -> None:
        """Close the socket."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def resolve(bind: str) -> str:
    """Our address: ``bind`` itself, or that with which this host would speak to others in the CIDR.

    Raises:
        OSError: no address of ours is in the CIDR (now).
    """
    if "/" not in bind:
        return bind
    network = ipaddress.ip_network(bind, strict=False)
    # Connecting a UDP socket sends nothing: the kernel only looks up the route and its source address.
    with socket.socket(family_of(str(network[0])), socket.SOCK_DGRAM) as asked:
        asked.connect((str(network[min(1, network.num_addresses - 1)]), 9))
        found = str(asked.getsockname()[0])
    if ipaddress.ip_address(found) not in network:
        raise OSError(errno.EADDRNOTAVAIL, f"no address of this host is in {bind}")
    return found


def family_of(address: str) -> socket.AddressFamily:
    """Of an address literal."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket(family_of(address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        if bound.family == socket.AF_INET:
            # An address that comes later, or goes and comes back, is no reason to be without a socket.
            bound.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "Unknown")
