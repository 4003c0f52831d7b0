"""Waiting for a condition."""

import asyncio
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 30.0
"""Generous: how long anything may take on a machine that does other things, too."""


async def until(condition: Callable[[], object], what: str | Callable[[], str]) -> None:
    """Until something is so."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - what we wait for is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}") from None
