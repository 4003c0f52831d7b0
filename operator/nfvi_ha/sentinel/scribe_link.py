"""The scribe as a child process: started, listened to, and started again; nothing here ever waits for it."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from nfvi_ha.sentinel.scribe.lines import FD_VARIABLE, MAX_LINE_BYTES

log = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS: Final = 0.5
LONGEST_BACKOFF_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""One that ran so long did not fail at its start: the back-off begins anew."""
STOP_SECONDS: Final = 3.0
MAX_UNSENT_BYTES: Final = 16 * 1024 * 1024
"""What it has not read by then it is given again when it comes back."""
JsonObject = dict[str, Any]


def scribe_command(config: Path) -> list[str]:
    """How it is started."""
    return [sys.executable, "-m", "nfvi_ha.sentinel.scribe", str(config)]


class ScribeLink:
    """Keeps one scribe running.

    Args:
        command: starts it; the socket is inherited by the number in ``NFVI_HA_SCRIBE_FD``.
        on_start: told before each scribe's first line.
        on_line: takes each line.
        on_restart: counts starts after the first.
        on_defect: counts what ``on_start`` or ``on_line`` could not bear.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_start: Callable[[], None],
        on_line: Callable[[bytes], None],
        on_restart: Callable[[], None] = lambda: None,
        on_defect: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = command
        self._on_start = on_start
        self._on_line = on_line
        self._on_restart = on_restart
        self._on_defect = on_defect
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        """Whether one is running."""
        return self._writer is not None

    def send(self, message: JsonObject) -> bool:
        """Hand it a message. False if there is none, or if it does not read: say it again when one has come."""
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return False
        writer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        return True

    async def run(self) -> None:
        """Start it, and start it again with growing pauses, for ever. Cancelled, it ends the child."""
        backoff = FIRST_BACKOFF_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._run_once()
            except OSError as error:
                log.warning("scribe not started", extra={"error": str(error)})
            backoff = FIRST_BACKOFF_SECONDS if loop.time() - started > STEADY_SECONDS else backoff
            log.warning("scribe ended; it is started again", extra={"seconds": backoff})
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            self._on_restart()

    async def _run_once(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    pass_fds=(theirs.fileno(),),
                    env={**os.environ, FD_VARIABLE: str(theirs.fileno())},
                    stdin=asyncio.subprocess.DEVNULL,
                )
            except OSError:
                ours.close()
                raise
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE_BYTES)
        try:
            self._surviving(self._on_start)
            await self._read(reader)
            log.warning("scribe closed its end", extra={"pid": process.pid})
        finally:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()
            await asyncio.shield(_end(process))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                log.warning("line of the scribe is too long; left out", extra={"limit": MAX_LINE_BYTES})
                continue
            except ConnectionError:
                return
            if not line:
                return
            self._surviving(partial(self._on_line, line))

    def _surviving(self, call: Callable[[], None]) -> None:
        """A defect of ours on one line, or at a start, must not end the link, and the process with it."""
        try:
            call()
        except Exception:
            self._on_defect()
            log.exception("word of the scribe not worked on")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, then make it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
