"""The process that holds a lab's networks (``python -m nfvi_ha.lab.network CONFIG``): switches, cables and relays.

The relays give hosts what lies on the loopback of the machine's own namespace: the API server and the VIM, over the
management network, so that a host whose management link is cut is cut off from those as well. The process itself stays
in the machine's namespace; only sockets are made inside.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from pyroute2.netlink.exceptions import NetlinkError

from nfvi_ha.lab import control
from nfvi_ha.lab.network import storage
from nfvi_ha.lab.network.plan import Host, Mode
from nfvi_ha.lab.network.relay import Address, Relay, listening, plain_socket
from nfvi_ha.lab.network.switchboard import Switchboard

log = logging.getLogger(__name__)

READY_FILE: Final = "networks.json"


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What the process needs to know."""

    directory: Path
    hosts: Sequence[Host]
    mode: Mode | None = None
    """None: namespaces where they are permitted."""


async def run_network(config: NetworkConfig) -> None:
    """Build the networks, say so in a file, and answer requests until cancelled."""
    board, why_not = await _built(config)
    if board is not None:
        await storage.serve(board.inside)
    desk = _Desk(board)
    try:
        async with control.serve(config.directory, desk.answer):
            values = {
                "mode": Mode.NAMESPACES if board else Mode.LOOPBACK,
                "reason": why_not,
                "namespaces": board.namespaces() if board else {},
            }
            new = config.directory / f"{READY_FILE}.new"
            new.write_bytes(orjson.dumps(values))
            new.replace(config.directory / READY_FILE)
            await asyncio.Event().wait()
    finally:
        if board is not None:
            board.close()


async def _built(config: NetworkConfig) -> tuple[Switchboard | None, str]:
    if config.mode is Mode.LOOPBACK:
        return None, "asked for"
    try:
        board = await Switchboard.open()
        for host in config.hosts:
            await board.plug_in(host)
    except (OSError, NetlinkError) as error:
        if config.mode is Mode.NAMESPACES:
            raise
        log.warning("no network namespaces: %s", error)
        return None, str(error)
    return board, ""


class _Desk:
    """Answers the requests of ``client.Network``."""

    def __init__(self, board: Switchboard | None) -> None:
        self._board = board
        self._relays: list[Relay] = []

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._board is None:
            return {"error": "hosts of this lab have no links: network namespaces are not permitted here"}
        try:
            return await self._done(self._board, request)
        except NetlinkError as error:
            return {"error": f"the kernel refused it: {error}"}

    async def _done(self, board: Switchboard, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "links":
                return {"at": await board.set_links(request["hosts"], request["links"], up=request["up"])}
            case "switches":
                return {"at": await board.set_switches(request["switches"], up=request["up"])}
            case "loss":
                return {"at": await board.set_loss(request["hosts"], request["links"], request["share"])}
            case "relay":
                await self._relay(board, request)
                return {"done": True}
            case other:
                return {"error": f"no such request: {other}"}

    async def _relay(self, board: Switchboard, request: dict[str, Any]) -> None:
        listen: Address = (request["listen"][0], request["listen"][1])
        target: Address = (request["target"][0], request["target"][1])
        source = request["source"]
        listener = board.inside(request["host"], lambda: listening(listen))
        relay = Relay(listener, target, plain_socket if source is None else lambda: board.inside(source, plain_socket))
        await relay.start()
        self._relays.append(relay)
