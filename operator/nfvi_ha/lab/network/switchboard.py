"""Builds the networks (bridges for switches, namespaces for hosts, veths for cables) and makes faults on them.

The bridges lie in a namespace of their own, so nothing of a lab shows in the namespace of the machine. A link is cut at
the switch's end, as a cable is: the host loses its carrier.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from pyroute2 import AsyncIPRoute

from nfvi_ha.lab.network import loss, namespace, storage
from nfvi_ha.lab.network.plan import LINKS, MGMT, RELAY_NUMBER, Host, Link, Mode

T = TypeVar("T")

LOOPBACK_INDEX: Final = 1


@dataclass(slots=True)
class _Wired:
    """A host that is plugged in: its namespace, and by link the interfaces at both ends of its cables."""

    namespace: int
    inside: AsyncIPRoute
    switch_end: dict[str, int] = field(default_factory=dict)
    host_end: dict[str, int] = field(default_factory=dict)


class Switchboard:
    """All networks of one lab. Made by ``open``; ``close`` gives up the descriptors that keep the namespaces alive."""

    def __init__(self, fabric: int, inside: AsyncIPRoute) -> None:
        self._fabric = fabric
        self._inside = inside
        self._bridges: dict[str, int] = {}
        self._hosts: dict[str, _Wired] = {}

    @classmethod
    async def open(cls) -> Self:
        """The switches, without hosts.

        Raises:
            OSError: namespaces, bridges or veths are not permitted or not known to this kernel.
        """
        fabric = namespace.create()
        self = cls(fabric, _netlink(fabric))
        for link in LINKS:
            await self._inside.link("add", ifname=link.switch, kind="bridge", state="up")
            (self._bridges[link.switch],) = await self._inside.link_lookup(ifname=link.switch)
        await self._inside.link("set", index=LOOPBACK_INDEX, state="up")
        relay = MGMT.address(RELAY_NUMBER, Mode.NAMESPACES)
        await self._inside.addr("add", index=self._bridges[MGMT.switch], address=relay, prefixlen=MGMT.prefix_length)
        await storage.place(self._inside, self._bridges)
        return self

    async def plug_in(self, host: Host) -> None:
        """Make the host's namespace and its links, all up.

        Raises:
            OSError: the kernel refused it.
        """
        own = namespace.create()
        wired = self._hosts[host.name] = _Wired(own, _netlink(own))
        await wired.inside.link("set", index=LOOPBACK_INDEX, state="up")
        for link in LINKS:
            await self._cable(host, wired, link)
        await storage.lead_to(wired.inside)
        with namespace.entered(own):
            storage.follow_carriers()

    async def _cable(self, host: Host, wired: _Wired, link: Link) -> None:
        port = f"h{host.number}-{link.name}"
        peer = {"ifname": link.name, "net_ns_fd": wired.namespace}
        await self._inside.link(
            "add", ifname=port, kind="veth", peer=peer, master=self._bridges[link.switch], state="up"
        )
        (wired.switch_end[link.name],) = await self._inside.link_lookup(ifname=port)
        (wired.host_end[link.name],) = await wired.inside.link_lookup(ifname=link.name)
        address, index = link.address(host.number, Mode.NAMESPACES), wired.host_end[link.name]
        await wired.inside.addr("add", index=index, address=address, prefixlen=link.prefix_length)
        await wired.inside.link("set", index=index, state="up")

    def namespaces(self) -> dict[str, str]:
        """By host, where other processes find its namespace."""
        return {name: str(namespace.path(wired.namespace)) for name, wired in self._hosts.items()}

    async def set_links(self, hosts: Iterable[str], links: Iterable[str], *, up: bool) -> int:
        """Plug cables in or pull them out; returns CLOCK_MONOTONIC in nanoseconds, just before the first.

        Raises:
            KeyError: no such host or link.
            OSError: the kernel refused it.
        """
        names = list(links)
        ports = [self._hosts[host].switch_end[link] for host in hosts for link in names]
        at = time.monotonic_ns()
        for port in ports:
            await self._inside.link("set", index=port, state="up" if up else "down")
        return at

    async def set_switches(self, switches: Iterable[str], *, up: bool) -> int:
        """Stop or start whole switches: nothing passes, though every host keeps its carrier. Returns as ``set_links``.

        Raises:
            KeyError: no such switch.
            OSError: the kernel refused it.
        """
        bridges = [self._bridges[switch] for switch in switches]
        at = time.monotonic_ns()
        for bridge in bridges:
            await self._inside.link("set", index=bridge, state="up" if up else "down")
        return at

    async def set_loss(self, hosts: Iterable[str], links: Iterable[str], share: float) -> int:
        """Lose that share of the packets in each direction, at random; 0 ends it, 1 is a switch port that is silent.

        Raises:
            KeyError: no such host or link.
            ValueError: no such share.
            OSError: the kernel refused it.
        """
        names = list(links)
        ends = []
        for host in hosts:
            wired = self._hosts[host]
            ends += [(self._inside, wired.switch_end[link]) for link in names]
            ends += [(wired.inside, wired.host_end[link]) for link in names]
        program = loss.load(share) if share > 0 else loss.DETACH
        try:
            at = time.monotonic_ns()
            for netlink, index in ends:
                await netlink.link("set", index=index, xdp=_xdp(program))
        finally:
            if program != loss.DETACH:
                os.close(program)
        return at

    def inside(self, host: str, make: Callable[[], T]) -> T:
        """What ``make`` gives inside the host's namespace; "" for the one with the switches. It must not await.

        Raises:
            KeyError: no such host.
            OSError: what ``make`` raises.
        """
        with namespace.entered(self._hosts[host].namespace if host else self._fabric):
            return make()

    def close(self) -> None:
        """Let go of everything; the namespaces end with their last process."""
        for wired in self._hosts.values():
            wired.inside.close()
            os.close(wired.namespace)
        self._inside.close()
        os.close(self._fabric)


def _xdp(program: int) -> dict[str, Any]:
    return {"attrs": [("IFLA_XDP_FD", program), ("IFLA_XDP_FLAGS", loss.SKB_MODE)]}


def _netlink(descriptor: int) -> AsyncIPRoute:
    """A netlink socket inside the namespace.

    Not by its argument ``netns``: that forks a child to make the socket and ends it by SIGTERM, and the child shares
    this process's event loop, which then takes the signal for its own.
    """
    with namespace.entered(descriptor):
        netlink = AsyncIPRoute()
        # The socket is made when it is first asked for.
        netlink.fileno()
    return netlink
