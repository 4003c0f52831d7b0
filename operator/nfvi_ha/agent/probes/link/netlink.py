"""Changes of links and routes, told by the kernel as they happen (rtnetlink)."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE, RTMGRP_LINK

from nfvi_ha.core.links.link_state import LinkState

log = logging.getLogger(__name__)

IFF_UP: Final = 0x1
IFF_LOWER_UP: Final = 0x10000
AF_BRIDGE: Final = 7
ROUTE_GROUPS: Final = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE
AGAIN_SECONDS: Final = 1.0


class LinkEvents:
    """Listens for ever.

    Args:
        link: told of an interface's new state.
        route: told that routes have changed; None where nobody wants to know, for routers have much to tell.
        lost: told that events were lost, or that netlink cannot be had: polling goes on without.
    """

    def __init__(
        self, link: Callable[[str, LinkState], None], route: Callable[[], None] | None, lost: Callable[[], None]
    ) -> None:
        self._link = link
        self._route = route
        self._lost = lost
        self._groups = RTMGRP_LINK | (ROUTE_GROUPS if route is not None else 0)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with AsyncIPRoute() as netlink:
                    await netlink.bind(groups=self._groups)
                    while True:
                        async for message in netlink.get():
                            self._take(message)
            except (OSError, NetlinkError) as error:
                # ENOBUFS: the kernel had more to say than we took. What was lost, the next poll sees.
                log.warning("netlink failed; carriers are polled all the same", extra={"error": str(error)})
            self._lost()
            await asyncio.sleep(AGAIN_SECONDS)

    def _take(self, message: Any) -> None:
        event = message["event"]
        if event in {"RTM_NEWROUTE", "RTM_DELROUTE"}:
            if self._route is not None:
                self._route()
        elif event in {"RTM_NEWLINK", "RTM_DELLINK"} and message["family"] != AF_BRIDGE:
            # Of the bridge family are words about bridge ports: one that leaves its bridge is not gone.
            name = message.get_attr("IFLA_IFNAME")
            if isinstance(name, str):
                self._link(name, _state(event, message["flags"]))


def _state(event: str, flags: int) -> LinkState:
    if event == "RTM_DELLINK":
        return LinkState.GONE
    if not flags & IFF_UP:
        return LinkState.SET_DOWN
    return LinkState.UP if flags & IFF_LOWER_UP else LinkState.NO_CARRIER


class Routes:
    """Which interface leads to an address now."""

    def __init__(self) -> None:
        self._netlink: AsyncIPRoute | None = None

    async def interface_to(self, address: str) -> str:
        """Its name; "" where there is no route, or netlink does not say."""
        try:
            if self._netlink is None:
                self._netlink = AsyncIPRoute()
            found = await self._netlink.route("get", dst=address)
            return socket.if_indextoname(found[0].get_attr("RTA_OIF"))
        except (OSError, NetlinkError, IndexError, TypeError):
            return ""

    def close(self) -> None:
        """No more."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None
