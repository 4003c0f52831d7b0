"""ICMP echo from one of our addresses, where it is permitted: by a ping socket (ping_group_range) or a raw one."""

import os
import socket
import struct
from typing import Final

from nfvi_ha.agent.beat.port import IP_FREEBIND, family_of

_HEADER: Final = struct.Struct(">BBHHH")
_NONCE_BYTES: Final = 8
_ICMP_FILTER: Final = 1
_SOL_RAW: Final = 255
_QUESTION: Final = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY: Final = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL: Final = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}


class Icmp:
    """Asks and takes replies; both are told by a random nonce, not by address."""

    def __init__(self, bound: socket.socket) -> None:
        self.socket = bound
        self._family = bound.family
        self._raw = bound.type == socket.SOCK_RAW

    def ask(self, address: str, nonce: int) -> bool:
        """Send a question; False if it could not be sent."""
        kind, payload = _QUESTION[self._family], nonce.to_bytes(_NONCE_BYTES, "big")
        identity = os.getpid() & 0xFFFF
        packet = _HEADER.pack(kind, 0, 0, identity, 1) + payload
        packet = _HEADER.pack(kind, 0, checksum(packet), identity, 1) + payload
        try:
            self.socket.sendto(packet, (address, 0))
        except OSError:
            return False
        return True

    def replies(self) -> list[int]:
        """Nonces of the replies that have come."""
        nonces: list[int] = []
        while True:
            try:
                packet = self.socket.recv(256)
            except OSError:
                return nonces
            if self._raw and self._family == socket.AF_INET and packet:
                packet = packet[(packet[0] & 0xF) * 4 :]
            if len(packet) == _HEADER.size + _NONCE_BYTES and packet[0] == _REPLY[self._family]:
                nonces.append(int.from_bytes(packet[-_NONCE_BYTES:], "big"))


def open_icmp(address: str) -> Icmp | None:
    """A socket that asks from this address; None if neither way is permitted, or the address is not there."""
    family = family_of(address)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            bound = socket.socket(family, kind | socket.SOCK_NONBLOCK, _PROTOCOL[family])
        except OSError:
            continue
        try:
            if family == socket.AF_INET:
                bound.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
                if kind == socket.SOCK_RAW:
                    # Or we would get a copy of every ICMP packet of the host.
                    only_replies = struct.pack("I", ~(1 << _REPLY[family]) & 0xFFFF_FFFF)
                    bound.setsockopt(_SOL_RAW, _ICMP_FILTER, only_replies)
            bound.bind((address, 0))
        except OSError:
            bound.close()
            continue
        return Icmp(bound)
    return None


def checksum(packet: bytes) -> int:
    """RFC 1071 over an even number of bytes."""
    total: int = sum(struct.unpack(f">{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
