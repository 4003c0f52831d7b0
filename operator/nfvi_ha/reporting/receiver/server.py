"""The receiver's HTTP server."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from nfvi_ha.reporting import signing
from nfvi_ha.reporting.receiver.control import control_routes
from nfvi_ha.reporting.receiver.misbehaviour import Conduct, Misbehaviour
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.store import Store

MAX_BODY_BYTES: Final = 1024 * 1024
BODY_INVALID: Final = "BodyInvalid"


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """How a receiver listens and what it accepts."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one."""
    path: str = "/notifications"
    """What ``url`` says; every path outside ``/_`` receives."""
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Accepted HMAC keys by id. Empty: nothing is verified, everything accepted."""
    tolerance_seconds: float = signing.DEFAULT_TOLERANCE_SECONDS
    ssl_context: ssl.SSLContext | None = None
    file: Path | None = None
    """Every record is appended here as a line of JSON."""


class Receiver:
    """A VIM endpoint that keeps what it is sent. Use it in-process, or over its control API under ``/_``."""

    def __init__(
        self,
        settings: ReceiverSettings = ReceiverSettings(),
        *,
        on_record: Callable[[Record, float | None], None] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Listen to nothing yet.

        Args:
            settings: How to listen and what to accept.
            on_record: Told of each record once it was answered (or is not going to be), with its injected_ms.
            wall_clock: Seconds since 1970.
        """
        self._settings = settings
        self._on_record = on_record
        self._wall_clock = wall_clock
        self._conduct = Conduct()
        self._store = Store()
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    @property
    def conduct(self) -> Misbehaviour:
        """How it behaves now."""
        return self._conduct.misbehaviour

    @property
    def records(self) -> Sequence[Record]:
        """Everything received, in order of arrival."""
        return self._store.records

    def injected(self, subject: str, monotonic_ns: int) -> None:
        """Note when a fault was made on ``<namespace>/<name>``, by CLOCK_MONOTONIC."""
        self._store.injected(subject, monotonic_ns)

    def injected_ms(self, record: Record) -> float | None:
        """Milliseconds from the fault made until the record, None if nobody said when."""
        return self._store.injected_ms(record)

    def misbehave(self, misbehaviour: Misbehaviour | None = None, /, **wanted: Any) -> None:
        """Behave so from now on, by a ``Misbehaviour`` or its fields; with nothing given, well."""
        self._conduct = Conduct(misbehaviour or Misbehaviour(**wanted))

    def clear(self) -> None:
        """Forget all records."""
        self._store.clear()

    async def wait_for(self, predicate: Callable[[Sequence[Record]], bool], timeout_seconds: float = 10.0) -> None:
        """Return as soon as the predicate holds for all records.

        Raises:
            TimeoutError: it does not in time.
        """
        await self._store.wait_for(predicate, timeout_seconds)

    async def start(self) -> str:
        """Listen, and return the URL that notifications are to be sent to.

        Raises:
            OSError: the address cannot be listened on.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_routes([*control_routes(self), web.post("/{path:(?!_).*}", self._receive)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        settings = self._settings
        site = web.TCPSite(self._runner, settings.host, settings.port, ssl_context=settings.ssl_context, backlog=1024)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        scheme = "https" if settings.ssl_context else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{settings.path}"

    async def stop(self) -> None:
        """Close every connection and listen no more. Records stay."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._stopping = asyncio.Event()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        monotonic_ns, wall = time.monotonic_ns(), self._wall_clock()
        event, refusal = _judge(self._settings, request.headers, body, wall)
        record = self._store.add(
            received_monotonic_ns=monotonic_ns,
            received_at=wall,
            headers=request.headers,
            event=event,
            refusal=refusal,
            event_time=_seconds(event.get("time")),
        )
        wanted = self._conduct.next()
        if wanted.delay_seconds:
            await self._pause(wanted.delay_seconds)
        if wanted.manner != "answer":
            self._tell(record)
            if wanted.manner == "drop":
                await self._stopping.wait()
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        status = wanted.status
        if refusal:
            status = 400 if refusal == BODY_INVALID else 401
        self._store.answered(record, status)
        self._tell(record)
        return web.Response(status=status, headers=wanted.headers)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _tell(self, record: Record) -> None:
        if self._on_record is not None or self._settings.file is not None:
            injected_ms = self._store.injected_ms(record)
            if self._settings.file is not None:
                with self._settings.file.open("ab") as file:
                    file.write(orjson.dumps(record.as_json(injected_ms)) + b"\n")
            if self._on_record is not None:
                self._on_record(record, injected_ms)


def _judge(
    settings: ReceiverSettings, headers: Mapping[str, str], body: bytes, wall: float
) -> tuple[dict[str, Any], str]:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict) or event.get("specversion") != "1.0" or not event.get("id"):
        return {}, BODY_INVALID
    if settings.keys:
        try:
            signing.verify(headers, body, settings.keys, now=wall, tolerance_seconds=settings.tolerance_seconds)
        except signing.SignatureRefused as error:
            return event, error.reason
    return event, ""


def _seconds(stamp: object) -> float | None:
    try:
        return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else None
    except ValueError:
        return None
