"""The socket to the hot process: lines out as the feed has them, lines in to whoever takes them."""

import asyncio
import logging
import socket
from collections.abc import Callable

from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import MAX_LINE_BYTES, BadLine, JsonObject, decode_object

log = logging.getLogger(__name__)


class Channel:
    """Speaks with the hot process until it is gone.

    Args:
        feed: what is said; make it with ``on_change=channel.wake``, or call that.
        on_line: takes each object that comes in. A defect in it is told and loses that line only.
    """

    def __init__(self, feed: Feed, on_line: Callable[[JsonObject], None]) -> None:
        self._feed = feed
        self._on_line = on_line
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to say."""
        self._awake.set()

    async def run(self, sock: socket.socket) -> None:
        """Speak and listen; returns when the hot process closed its end."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=MAX_LINE_BYTES)
        sender = asyncio.create_task(self._send(writer), name="feed")
        receiver = asyncio.create_task(self._receive(reader), name="orders")
        try:
            await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, receiver):
                task.cancel()
            results = await asyncio.gather(sender, receiver, return_exceptions=True)
            writer.close()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while True:
            self._awake.clear()
            while batch := self._feed.take():
                writer.write(b"".join(batch))
                await writer.drain()  # while this waits, changes of one key become one
            await self._awake.wait()

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                data = await reader.readline()
            except ValueError as error:
                log.warning("line left out", extra={"error": str(error)})
                continue
            if not data:
                return
            try:
                line = decode_object(data)
            except BadLine as error:
                log.warning("line left out", extra={"error": str(error), "line": data[:200].decode(errors="replace")})
                continue
            try:
                self._on_line(line)
            except Exception:
                # A defect of ours on one line must not make us deaf to the others; it is told with its trace.
                log.exception("line not worked on", extra={"keys": sorted(line)})
