"""Delivery over real loopback sockets: receivers, raw servers, deliverers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.reporting.http_client import Client, HttpClient
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.reporting.sender import Limits

from . import messages

KEY = b"k" * 32
HEADERS = {"Content-Type": "application/cloudevents+json"}


def raised(name: str = "web-0-1") -> Notification:
    """Of now: older ones would expire."""
    return messages.raised(name, at=datetime.now(UTC))


def chain(name: str, length: int) -> list[Notification]:
    return messages.chain(name, length, at=datetime.now(UTC))


def to(url: str, name: str = "vim", **settings: Any) -> Endpoint:
    defaults: dict[str, Any] = {"initial_backoff_seconds": 0.05, "max_backoff_seconds": 0.2, "timeout_seconds": 5.0}
    return Endpoint(name, url, **{**defaults, **settings})


@asynccontextmanager
async def receiving(**settings: Any) -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver(ReceiverSettings(**settings))
    url = await receiver.start()
    try:
        yield receiver, url
    finally:
        await receiver.stop()


class Told:
    """Outcomes as they come, and waiting for them."""

    def __init__(self) -> None:
        self.outcomes: list[DeliveryOutcome] = []
        self.reachable: list[tuple[str, bool, str]] = []
        self._changed = asyncio.Event()

    def on_outcome(self, one: DeliveryOutcome) -> None:
        self.outcomes.append(one)
        self._changed.set()

    def on_reachable(self, *change: Any) -> None:
        self.reachable.append(change)
        self._changed.set()

    def finals(self, endpoint: str = "vim") -> list[DeliveryOutcome]:
        return [one for one in self.outcomes if one.endpoint == endpoint and one.state is not DeliveryState.RETRYING]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def delivering(
    *endpoints: Endpoint, limits: Limits | None = None, connect: Callable[[Endpoint], Client] = HttpClient
) -> AsyncIterator[tuple[Deliverer, Told]]:
    told = Told()
    deliverer = Deliverer(
        on_outcome=told.on_outcome,
        on_reachable=told.on_reachable,
        metrics=DeliveryMetrics(CollectorRegistry()),
        limits=limits or Limits(),
        connect=connect,
    )
    deliverer.set_endpoints(endpoints)
    try:
        yield deliverer, told
    finally:
        await deliverer.close(1.0)


class RawServer:
    """Counts connections and lets a test answer by hand."""

    def __init__(self, handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]) -> None:
        self._handle = handle
        self.connections = 0

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/n"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._handle(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)
