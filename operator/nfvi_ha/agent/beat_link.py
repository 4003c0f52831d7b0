"""The beat process, seen from the probes process."""

import asyncio
import base64
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nfvi_ha.agent.config import SentinelAddress
from nfvi_ha.agent.faults import Telling
from nfvi_ha.agent.handed_out import HandedOut
from nfvi_ha.agent.ipc import BEAT_FD_VARIABLE, Channel
from nfvi_ha.core.wire.inventory import VmEntry, chunks

log = logging.getLogger(__name__)


class BeatLink:
    """Tells it things at once, and hands on what it says.

    A message that finds no room is not lost: the whole state of that kind is told again with the next status (each
    second), which is also when the beat process hears that we are alive.
    """

    def __init__(self, end: socket.socket, node: str) -> None:
        self._channel = Channel(end)
        self._node = node
        self._unsent: dict[str, dict[str, Any]] = {}
        """The last message of each kind that found no room."""
        self.on_answered: Callable[[int, int, int, int], None] = lambda *_: None
        """Seat, generation, recorded up to, bitmap."""
        self.on_episode: Callable[[int], None] = lambda _: None
        self.on_status: Callable[[Mapping[str, Any]], None] = lambda _: None
        self.closed = asyncio.Event()
        """Set when the beat process is gone; then so must we be."""

    @classmethod
    def inherited(cls, node: str) -> "BeatLink":
        """By the file descriptor that the beat process passed on.

        Raises:
            KeyError, ValueError, OSError: it did not.
        """
        return cls(socket.socket(fileno=int(os.environ[BEAT_FD_VARIABLE])), node)

    def start(self) -> None:
        """Listen on the running loop."""
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._readable)

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self._channel.close()

    def faults(self, telling: Telling) -> None:
        """The present set."""
        blob = base64.b64encode(telling.blob).decode()
        set_of = {"generation": telling.generation, "new": telling.new, "spooled": telling.spooled}
        self._tell("faults", {"faults": blob, **set_of})

    def inventory(self, entries: tuple[VmEntry, ...]) -> None:
        """The present VMs."""
        parts = [base64.b64encode(part).decode() for part in chunks(self._node, entries)]
        self._tell("inventory", {"inventory": parts})

    def sentinels(self, sentinels: Iterable[SentinelAddress]) -> None:
        """Where to send beats."""
        rows = [[each.seat, each.network, each.address, each.port] for each in sentinels]
        self._tell("sentinels", {"sentinels": rows})

    def keys(self, handed: HandedOut) -> None:
        """The node's keys."""
        self._tell("keys", handed.to_json())

    def episode(self, episode: int) -> None:
        """The hypervisor's own episode, as the spool has it."""
        self._tell("episode", {"episode": episode})

    def goodbye(self, reason: str, seconds: int) -> None:
        """A stop for that reason is coming."""
        self._tell("goodbye", {"goodbye": reason, "seconds": seconds})

    def _tell(self, kind: str, message: dict[str, Any]) -> None:
        if self._channel.send(message):
            self._unsent.pop(kind, None)
        else:
            self._unsent[kind] = message

    def _readable(self) -> None:
        while True:
            try:
                message = self._channel.receive()
            except EOFError:
                asyncio.get_running_loop().remove_reader(self._channel.fileno())
                self.closed.set()
                return
            except ValueError as error:
                log.warning("message of the beat process not understood", extra={"error": str(error)})
                continue
            if message is None:
                return
            self._take(message)

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"answered": {"seat": seat, "generation": generation, "upto": upto, "bitmap": bitmap}}:
                self.on_answered(seat, generation, upto, bitmap)
            case {"episode": episode}:
                self.on_episode(episode)
            case {"status": status}:
                self._channel.send({"alive": True})
                for kind, unsent in tuple(self._unsent.items()):
                    self._tell(kind, unsent)
                self.on_status(status)
            case _:
                log.warning("no such message of the beat process", extra={"keys": ", ".join(message)})
