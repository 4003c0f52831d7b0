"""The last look before a write leaves: a request body that asks for permission while it is being sent."""

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

Guard = Callable[[], float | None]
"""Raises to refuse; may return for how many seconds the permission is sure to last (a request that has no answer
by then is cut off, unsent bytes included)."""


class GuardedBody(BytesPayload):
    """A request body that runs a guard directly before the first byte of its request is written.

    aiohttp holds the headers back until the body's first write, after the connection is there; so between the
    guard and the write to the socket there is no await, however long connecting took.
    """

    def __init__(self, body: bytes, guard: Guard | None, on_permission: Callable[[float], None]) -> None:
        super().__init__(body, content_type="application/json")
        self._guard = guard
        self._on_permission = on_permission
        self._transport: Any = None
        self.refusal: Exception | None = None
        """What the guard raised; aiohttp would only show it wrapped into a connection error."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Ask the guard, then write."""
        if self._guard is not None:
            try:
                lasts = self._guard()
            except Exception as refusal:
                self.refusal = refusal
                raise
            self._transport = getattr(writer, "transport", None)
            if lasts is not None:
                self._on_permission(lasts)
        await super().write_with_length(writer, content_length)

    def cut_off(self) -> None:
        """Throw the connection away with all bytes still queued, so that a write cannot arrive late.

        Without this the kernel would go on retransmitting a request that we gave up, and deliver it when the
        network heals, perhaps after another replica took over.
        """
        if self._transport is None:
            return
        with contextlib.suppress(OSError):
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
