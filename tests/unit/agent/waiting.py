"""Waiting for conditions."""

import asyncio
from collections.abc import Callable
from typing import Any


async def eventually(condition: Callable[[], Any]) -> None:
    """Until it holds, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process or thread
            await asyncio.sleep(0.005)
