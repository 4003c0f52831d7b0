"""A work queue as controllers have them: one reconcile at a time per key, many keys at once, level-triggered."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

from nfvi_ha.kube.errors import Conflict, Invalid, KubeError

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.05
LONGEST_RETRY_SECONDS: Final = 5.0

Reconcile = Callable[[Hashable], Awaitable[float | None]]
"""Does what is due for the key; returns after how many seconds to look again, None to wait for the next change."""


class WorkQueue:
    """Keys wait for nothing but themselves. A reconcile that fails is tried again with a growing delay."""

    def __init__(self, name: str, reconcile: Reconcile) -> None:
        self._name = name
        self._reconcile = reconcile
        self._running: dict[Hashable, asyncio.Task[None]] = {}
        self._dirty: set[Hashable] = set()
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}
        self._failures: dict[Hashable, int] = {}
        self._closed = False

    def add(self, key: Hashable) -> None:
        """Look at the key as soon as nobody does."""
        if self._closed:
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._running:
            self._dirty.add(key)
            return
        self._running[key] = asyncio.create_task(self._run(key), name=f"{self._name}:{key}")

    def add_after(self, key: Hashable, seconds: float) -> None:
        """Look at the key then, or earlier if an earlier look is already due."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, seconds)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._due, key)

    async def close(self) -> None:
        """Stop looking; what is running is cancelled."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _due(self, key: Hashable) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _run(self, key: Hashable) -> None:
        try:
            while True:
                self._dirty.discard(key)
                again = await self._once(key)
                if key not in self._dirty:
                    break
        finally:
            del self._running[key]
        if again is not None:
            self.add_after(key, again)

    async def _once(self, key: Hashable) -> float | None:
        try:
            again = await self._reconcile(key)
        except (KubeError, OSError, ValueError) as error:
            count = self._failures.get(key, 0)
            self._failures[key] = count + 1
            delay: float = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(count, 10))
            expected = isinstance(error, Conflict | Invalid) and count < 5
            log.log(
                logging.DEBUG if expected else logging.WARNING,
                "%s %s: try %d failed, again in %.2f s: %s",
                self._name, key, count + 1, delay, error,
            )  # fmt: skip
            return delay
        self._failures.pop(key, None)
        return again
