"""Runs a command that may hang: one at a time, last in line for the CPU, killed with all it started when it is late."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MOST_BYTES: Final = 1 << 20
KILLED_SECONDS: Final = 1.0
"""A killed command ends at once, unless it waits for a disk that does not answer; then it is left to the kernel."""
_NICE: Final = 19


class Result(StrEnum):
    """How it went."""

    DONE = "done"
    """It ended; its exit status says more."""
    MISSING = "missing"
    """It cannot be started."""
    LATE = "late"
    STUCK = "stuck"
    """An earlier one was killed and is still there."""
    TOO_LONG = "too-long"
    """It printed too much."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command came to."""

    result: Result
    exit_status: int = -1
    """Negative: the signal that ended it, or it did not end."""
    text: bytes = b""


class Commands:
    """All commands of one probe."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._turn = asyncio.Lock()
        self._left: asyncio.subprocess.Process | None = None

    async def run(self, argv: Sequence[str]) -> Output:
        """Run it; never raises for anything that the command does."""
        async with self._turn:
            if self._left is not None:
                if self._left.returncode is None:
                    return Output(Result.STUCK)
                self._left = None
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                    limit=MOST_BYTES,
                    env={**os.environ, "LC_ALL": "C"},
                )
            except (OSError, ValueError):
                return Output(Result.MISSING)
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PGRP, process.pid, _NICE)
            try:
                return await self._read(process)
            finally:
                await self._end(process)

    async def _read(self, process: asyncio.subprocess.Process) -> Output:
        if process.stdout is None:
            raise RuntimeError("asyncio gave no pipe")
        text = bytearray()
        try:
            async with asyncio.timeout(self._timeout):
                while chunk := await process.stdout.read(65_536):
                    text += chunk
                    if len(text) > MOST_BYTES:
                        return Output(Result.TOO_LONG)
                status = await process.wait()
        except TimeoutError:
            return Output(Result.LATE)
        return Output(Result.DONE, status, bytes(text))

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Its group, even if it ended itself: it may have left children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(KILLED_SECONDS):
                await process.wait()
        except TimeoutError:
            self._left = process
