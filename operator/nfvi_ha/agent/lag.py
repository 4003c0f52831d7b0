"""How late the event loop is."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

STEP_SECONDS: Final = 0.1
WINDOW_STEPS: Final = 10


async def watch_lag(note: Callable[[float], None], monotonic: Callable[[], float] = time.monotonic) -> None:
    """Tell the largest lag of each second, for ever."""
    while True:
        largest = 0.0
        for _ in range(WINDOW_STEPS):
            before = monotonic()
            await asyncio.sleep(STEP_SECONDS)
            largest = max(largest, monotonic() - before - STEP_SECONDS)
        note(largest)
