"""ICMP echo without a process of its own: a ping socket where the kernel lets us have one, else a raw one.

A ping socket (SOCK_DGRAM) needs our group within ``net.ipv4.ping_group_range``, a raw one CAP_NET_RAW. An answer proves
that a kernel runs, and no more (facts/detection.md 1.2: port-unreachable would be rate-limited, echo is not).
"""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

log = logging.getLogger(__name__)

_ECHO: Final = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Types of request and reply."""
_PROTOCOL: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEAD: Final = struct.Struct("!BBHHH")
_NONCE: Final = struct.Struct("!Q")


class Pinger:
    """Sends echo requests that carry a random number, and tells which numbers came back.

    Args:
        on_reply: told of the number in each reply.
    """

    def __init__(self, on_reply: Callable[[int], None]) -> None:
        self._on_reply = on_reply
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        self._sequence = 0

    def open(self) -> list[str]:
        """Open what may be opened, on the running loop; returns the families that cannot be pinged."""
        missing = []
        for family in _ECHO:
            opened = _open(family)
            if opened is None:
                missing.append(family.name)
                continue
            self._sockets[family] = opened
            asyncio.get_running_loop().add_reader(opened, self._readable, family, opened)
        return missing

    def ping(self, address: str, number: int) -> bool:
        """Send one request. False where it cannot be sent: that says nothing of the other side."""
        family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
        opened = self._sockets.get(family)
        if opened is None:
            return False
        self._sequence = (self._sequence + 1) & 0xFFFF
        request, _ = _ECHO[family]
        payload = _NONCE.pack(number)
        head = _HEAD.pack(request, 0, 0, number & 0xFFFF, self._sequence)
        packet = _HEAD.pack(request, 0, checksum(head + payload), number & 0xFFFF, self._sequence) + payload
        try:
            opened.sendto(packet, (address, 0))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close all sockets."""
        for opened in self._sockets.values():
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()
        self._sockets.clear()

    def _readable(self, family: socket.AddressFamily, opened: socket.socket) -> None:
        # A raw socket sees every ICMP packet of the host: a bounded number per turn, whatever comes in.
        for _ in range(256):
            try:
                packet = opened.recv(512)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.warning("ping socket", extra={"error": str(error)})
                return
            number = reply_number(family, packet)
            if number is not None:
                self._on_reply(number)


def reply_number(family: socket.AddressFamily, packet: bytes) -> int | None:
    """The number in an echo reply of ours; None for anything else. Raw IPv4 sockets prepend the IP header."""
    if family == socket.AF_INET and packet[:1] and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) != _HEAD.size + _NONCE.size or packet[0] != _ECHO[family][1]:
        return None
    (number,) = _NONCE.unpack_from(packet, _HEAD.size)
    return int(number)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071); the kernel computes that of ICMPv6 and of ping sockets itself."""
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _open(family: socket.AddressFamily) -> socket.socket | None:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError):
            return socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _PROTOCOL[family])
    return None
