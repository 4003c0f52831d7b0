"""A process of the bench that is asked over its standard input and answers on its standard output, a line of JSON each.

Writer and observer are processes of their own, so that neither waits for the other's turn of an event loop. They end
when their standard input does, however the bench ends.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import orjson

from nfvi_ha.lab.errors import LabFailed

Json = dict[str, Any]
LINE_LIMIT: Final = 64 * 1024 * 1024
STOP_SECONDS: Final = 5.0


class Part:
    """The asking side."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, module: str, arguments: Sequence[str], log: Path) -> Self:
        """Start ``python -m <module> <arguments>``; what it writes on standard error goes to the log."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=LINE_LIMIT,
            )  # fmt: skip
        return cls(module.rpartition(".")[2], process, log)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    async def ask(self, what: str, timeout_seconds: float = 60.0, **values: Any) -> Json:
        """Send a request and wait for its answer.

        Raises:
            LabFailed: it ended, did not answer in time, or could not do it; with the reason or the end of its log.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise LabFailed(f"the bench's {self._name} has no pipes")
        self._process.stdin.write(orjson.dumps({"do": what, **values}) + b"\n")
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._process.stdin.drain()
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise LabFailed(f"the bench's {self._name} did not {what} within {timeout_seconds:.0f} s") from error
        except ConnectionError:
            line = b""
        if not line:
            raise LabFailed(f"the bench's {self._name} ended\n{self._tail()}")
        answer: Json = orjson.loads(line)
        if "error" in answer:
            raise LabFailed(f"the bench's {self._name} could not {what}: {answer['error']}\n{self._tail()}")
        return answer

    async def stop(self) -> None:
        """Close its input; who does not end by that is killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _tail(self) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-12:])
        except OSError:
            return ""


async def serve(answer: Callable[[Json], Awaitable[Json]]) -> None:
    """The asked side: answer one request after the other until standard input ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            reply = await answer(orjson.loads(line))
        except Exception as error:  # noqa: BLE001 - told to whoever asked, who fails with it
            reply = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.buffer.write(orjson.dumps(reply) + b"\n")
        sys.stdout.buffer.flush()
