"""Connections to daemons of this host."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from nfvi_ha.agent.probes.process.checks.question import BROKEN, REFUSED, Unanswered

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def unix(path: str) -> AsyncIterator[Streams]:
    """To a Unix socket.

    Raises:
        Unanswered: nobody listens there, or the connection broke.
    """
    async with _used(path, asyncio.open_unix_connection(path)) as streams:
        yield streams


@asynccontextmanager
async def tcp(host: str, port: int, tls: ssl.SSLContext | None) -> AsyncIterator[Streams]:
    """To a TCP port.

    Raises:
        Unanswered: nobody listens there, or the connection broke.
    """
    async with _used(f"{host}:{port}", asyncio.open_connection(host, port, ssl=tls)) as streams:
        yield streams


@asynccontextmanager
async def _used(where: str, opening: Coroutine[Any, Any, Streams]) -> AsyncIterator[Streams]:
    try:
        reader, writer = await opening
    except OSError as error:
        raise Unanswered(REFUSED, f"{where}: {error.strerror or error}") from error
    try:
        yield reader, writer
    except (OSError, EOFError) as error:
        raise Unanswered(BROKEN, f"{where}: {type(error).__name__}") from error
    finally:
        # Not awaited: a peer that hangs would make the closing hang, too.
        writer.transport.abort()
