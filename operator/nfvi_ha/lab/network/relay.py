"""A TCP relay between namespaces: its listening socket was made in one, its connections are made in another."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final, cast

log = logging.getLogger(__name__)

Address = tuple[str, int]
MakeSocket = Callable[[], socket.socket]

CONNECT_SECONDS: Final = 5.0
_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A host that was switched off says no goodbye; its connections are to go within seconds.
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
)


class _End(asyncio.Protocol):
    """One end of a relayed connection: what arrives here goes out at the other."""

    def __init__(self) -> None:
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # TCP gives nothing else
        connection = transport.get_extra_info("socket")
        for level, option, value in _OPTIONS:
            connection.setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other is not None and self.other.transport is not None and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None and other.transport is not None:
            other.transport.close()


class _Accepted(_End):
    """The end of the one who called: nothing is read until the other end is connected."""

    def __init__(self, relay: "Relay") -> None:
        super().__init__()
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is not None:
            self.transport.pause_reading()
        self._relay.connect(self)


class Relay:
    """Listens on ``listener`` and connects to ``target`` from a socket of ``make_socket``."""

    def __init__(self, listener: socket.socket, target: Address, make_socket: MakeSocket) -> None:
        self._listener = listener
        self._target = target
        self._make_socket = make_socket
        self._connecting: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Accepted(self), sock=self._listener, backlog=256)

    def connect(self, accepted: _End) -> None:
        """Find the other end of a connection that was accepted."""
        task = asyncio.create_task(self._connect(accepted))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, accepted: _End) -> None:
        loop, out = asyncio.get_running_loop(), self._make_socket()
        out.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(out, self._target), CONNECT_SECONDS)
            end = _End()
            end.other = accepted
            await loop.create_connection(lambda: end, sock=out)
        except (OSError, TimeoutError) as error:
            log.info("relay to %s:%d: %r", *self._target, error)
            out.close()
            if accepted.transport is not None:
                accepted.transport.abort()
            return
        if accepted.transport is None or accepted.transport.is_closing():
            if end.transport is not None:
                end.transport.close()
            return
        accepted.other = end
        accepted.transport.resume_reading()


def listening(address: Address) -> socket.socket:
    """A listening socket; make it inside the namespace that it is to belong to.

    Raises:
        OSError: the address is taken or not there.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(256)
    listener.setblocking(False)
    return listener


def plain_socket() -> socket.socket:
    """A TCP socket of the namespace that this thread is in."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
