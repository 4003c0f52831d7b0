"""Waiting for a condition."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE_SECONDS: Final = 30.0
"""Generous: how long anything may take on a machine that does other things, too."""
PERIOD_SECONDS: Final = 0.02


async def until(condition: Callable[[], object], what: str | Callable[[], str]) -> None:
    """Until something is so."""

    async def asked() -> object:
        return condition()

    await until_answer(asked, what)


async def until_answer(question: Callable[[], Awaitable[object]], what: str | Callable[[], str]) -> None:
    """Until somebody says that it is so."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await question():  # noqa: ASYNC110 - what we wait for is in another process
                await asyncio.sleep(PERIOD_SECONDS)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}") from None
