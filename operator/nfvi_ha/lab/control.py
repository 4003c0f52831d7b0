"""Control sockets of the lab's processes: the faults that no signal can make, asked for by whoever runs a scenario.

One JSON object per line in, one per line out. The socket lies in the directory of the process that serves it.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

log = logging.getLogger(__name__)

SOCKET: Final = "control.sock"
_TIMEOUT_SECONDS: Final = 5.0

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlFailed(Exception):  # noqa: N818 - says what happened
    """The process did not do what it was asked; the message says why."""


@contextlib.asynccontextmanager
async def serve(directory: Path, answer: Answer) -> AsyncIterator[None]:
    """Answer requests on the directory's socket while the context lasts."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(orjson.dumps(await _answered(answer, line)) + b"\n")
                await writer.drain()
        except OSError as error:
            log.info("control connection broke: %s", error)
        finally:
            writer.close()

    (directory / SOCKET).unlink(missing_ok=True)
    with _short(directory) as path:
        server = await asyncio.start_unix_server(client, path)
    async with server:
        yield


async def _answered(answer: Answer, line: bytes) -> dict[str, Any]:
    try:
        return await answer(orjson.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        return {"error": f"cannot be understood: {error!r}"}
    except OSError as error:
        return {"error": str(error)}


async def ask(directory: Path, request: dict[str, Any], timeout_seconds: float = _TIMEOUT_SECONDS) -> dict[str, Any]:
    """Ask the process that lives in the directory.

    Raises:
        ControlFailed: no answer in time (a frozen process answers nothing), or the answer is an error.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            with _short(directory) as path:
                reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(orjson.dumps(request) + b"\n")
                answer: dict[str, Any] = orjson.loads(await reader.readline())
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError) as error:
        raise ControlFailed(f"the process of {directory} does not answer: {error!r}") from error
    if "error" in answer:
        raise ControlFailed(f"the process of {directory}: {answer['error']}")
    return answer


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """A path to the socket that fits into the 108 bytes of a socket address, however deep the directory lies."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
