"""The storage that hosts reach over either of their two storage links, and how they change from one to the other.

It has two addresses on no link of its own, each with a UDP echo server. Hosts have a route to them over each storage
link; the kernel takes the first whose link has a carrier. It answers to the address that it was asked from, so that
answers come over the link that was used. What moves between the links is the kernel, as a bond would, within
milliseconds; this kernel's own bonds are absent from many machines that labs run on.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pyroute2 import AsyncIPRoute

from nfvi_ha.lab.network.plan import STORAGE_A, STORAGE_B, Mode

ADDRESSES: Final = ("198.18.128.1", "198.18.128.2")
PORT: Final = 7
"""The port of the echo service."""
TARGETS: Final = tuple(f"{address}:{PORT}" for address in ADDRESSES)
_LINKS: Final = (STORAGE_A, STORAGE_B)
"""In order of preference."""
_NUMBER: Final = 1
_LOOPBACK_INDEX: Final = 1
_CONF: Final = Path("/proc/sys/net/ipv4/conf")

MakeSocket = Callable[[], socket.socket]


async def place(inside: AsyncIPRoute, bridges: Mapping[str, int]) -> None:
    """Give the storage its addresses, in the namespace with the switches.

    Raises:
        OSError: the kernel refused it.
    """
    for address in ADDRESSES:
        await inside.addr("add", index=_LOOPBACK_INDEX, address=address, prefixlen=32)
    for link in _LINKS:
        gateway = link.address(_NUMBER, Mode.NAMESPACES)
        await inside.addr("add", index=bridges[link.switch], address=gateway, prefixlen=link.prefix_length)


async def lead_to(inside: AsyncIPRoute) -> None:
    """Give a host its two ways to the storage.

    Raises:
        OSError: the kernel refused it.
    """
    for place_of, link in enumerate(_LINKS, start=1):
        for address in ADDRESSES:
            gateway = link.address(_NUMBER, Mode.NAMESPACES)
            await inside.route("add", dst=f"{address}/32", gateway=gateway, priority=10 * place_of)


def follow_carriers() -> None:
    """Let the kernel of the namespace that this is called in pass over routes whose link has no carrier.

    Raises:
        OSError: it cannot.
    """
    for name in ("all", "default", *(link.name for link in _LINKS)):
        (_CONF / name / "ignore_routes_with_linkdown").write_text("1")


async def serve(inside: Callable[[str, MakeSocket], socket.socket]) -> None:
    """Echo on all addresses for as long as this event loop runs.

    Raises:
        OSError: a port is taken.
    """
    for address in ADDRESSES:
        served = inside("", lambda address=address: _bound(address))  # type: ignore[misc]
        await asyncio.get_running_loop().create_datagram_endpoint(_Echo, sock=served)


class _Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(data, addr)


def _bound(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.bind((address, PORT))
    return made
