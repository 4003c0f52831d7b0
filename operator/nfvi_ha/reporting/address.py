"""Which network addresses a notification may be sent to, checked on the very address that is being connected.

A name is no proof of anything: it may resolve to something else a second later. So the check sits where the socket is
made, after every resolution, and covers literal addresses, names and rebinding alike.
"""

import errno
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

REASON: Final = "AddressRefused"

_METADATA: Final = frozenset(
    ip_address(text)
    for text in (
        "168.63.129.16",  # Azure
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google
    )
)
"""Cloud metadata services outside the link-local ranges."""

_EMBEDDING: Final = tuple(
    (ip_network(text), shift)
    for text, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped
        ("::/96", 0),  # IPv4-compatible
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64, local
        ("2002::/16", 80),  # 6to4
    )
)
"""IPv6 ranges that carry an IPv4 address, and by how many bits it is shifted."""

# A connection that died without a word (peer lost, firewall forgot it) is known within these seconds, not hours.
_KEEPALIVE_IDLE_SECONDS: Final = 5
_KEEPALIVE_INTERVAL_SECONDS: Final = 2
_KEEPALIVE_PROBES: Final = 3


class AddressRefused(OSError):  # noqa: N818 - a state, as Kubernetes' own reasons are
    """The address is one that no notification may go to."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(errno.EACCES, f"{REASON}: {address} is {why}; notifications are not sent there")


def refusal(text: str) -> str | None:
    """Why nothing may be sent to this IP address ("a link-local address", ...), or None if it may.

    Loopback and private addresses are allowed: a VIM is inside the site, and may sit behind a local proxy.

    Raises:
        ValueError: ``text`` is not an IP address.
    """
    address = ip_address(text.partition("%")[0])
    found = _refusal(address)
    if found is not None or isinstance(address, IPv4Address) or address in (IPv6Address("::1"), IPv6Address("::")):
        return found
    embedded = _embedded(address)
    return None if embedded is None else _refusal(embedded)


def _refusal(address: IPv4Address | IPv6Address) -> str | None:
    if address in _METADATA:
        return "a cloud metadata address"
    if address.is_link_local:
        return "a link-local address"
    if address.is_unspecified or address in ip_network("0.0.0.0/8"):
        return "an unspecified address"
    if address.is_multicast:
        return "a multicast address"
    if isinstance(address, IPv4Address) and address.is_reserved:
        return "a reserved or broadcast address"
    return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    for network, shift in _EMBEDDING:
        if isinstance(network, IPv6Network) and address in network:
            return IPv4Address((int(address) >> shift) & 0xFFFFFFFF)
    return None


def guarded_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for one resolved address, as aiohttp's connector asks for right before it connects.

    Raises:
        AddressRefused: nothing may be sent to this address.
    """
    family, kind, proto, _, sockaddr = addr_info
    host = str(sockaddr[0])
    why = refusal(host)
    if why is not None:
        raise AddressRefused(host, why)
    made = socket.socket(family=family, type=kind, proto=proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES)
    return made
