"""A level-triggered work queue: a key asked for many times is worked on once, and never twice at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.lease import NotLeader

Key = TypeVar("Key", bound=Hashable)
log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.05
LAST_RETRY_SECONDS: Final = 10.0


class WorkQueue(Generic[Key]):
    """Runs ``work(key)`` for every key asked for; a failed one again after an exponential back-off.

    Args:
        name: for logs and metrics.
        work: gathers, decides and acts for one key. Its KubeErrors, and that the Lease is not ours, are expected,
            others are bugs; all are retried.
        concurrency: keys worked on at a time.
        on_error: called with (name, error) for the metric.
        jitter: random factor in [0, 1).
        last_retry_seconds: the longest back-off, before jitter.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Key], Awaitable[None]],
        *,
        concurrency: int,
        on_error: Callable[[str, Exception], None],
        jitter: Callable[[], float],
        last_retry_seconds: float = LAST_RETRY_SECONDS,
    ) -> None:
        self._name = name
        self._work = work
        self._concurrency = concurrency
        self._on_error = on_error
        self._jitter = jitter
        self._last_retry_seconds = last_retry_seconds
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._queued: set[Key] = set()
        self._running: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}

    def add(self, key: Key) -> None:
        """Ask for work on a key now."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._running:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for work on a key at the latest in so many seconds."""
        if seconds <= 0:
            self.add(key)
            return
        if key in self._queued:
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    def idle(self) -> bool:
        """Whether nothing is queued or under way (timers do not count)."""
        return not self._queued and not self._running

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._concurrency):
                group.create_task(self._worker(), name=f"{self._name}-{number}")

    async def _worker(self) -> None:
        while True:
            key = await self._ready.get()
            self._queued.discard(key)
            self._running.add(key)
            try:
                await self._work(key)
            except (KubeError, NotLeader) as error:
                self._retry(key, error)
            except Exception as error:
                # A bug in one key's work must not stop the others'; it is counted and told with its trace.
                log.exception("work failed", extra={"queue": self._name, "key": str(key)})
                self._retry(key, error)
            else:
                self._failures.pop(key, None)
            finally:
                self._running.discard(key)
            if key in self._again:
                self._again.discard(key)
                self.add(key)

    def _retry(self, key: Key, error: Exception) -> None:
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        self._on_error(self._name, error)
        seconds = min(FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 16), self._last_retry_seconds)
        log.warning(
            "work is tried again",
            extra={"queue": self._name, "key": str(key), "error": str(error), "failures": failures},
        )
        asyncio.get_running_loop().call_later(seconds * (0.5 + self._jitter()), self.add, key)
