"""How a process of the simulated NFVI runs: logs on stderr, ends on SIGTERM."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine
from typing import Any

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run_part(work: Coroutine[Any, Any, None]) -> None:
    """Run it until it ends or SIGTERM or SIGINT comes."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    asyncio.run(_until_signalled(work))


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
