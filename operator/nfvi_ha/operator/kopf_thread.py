"""kopf in a thread and event loop of its own.

When kopf ends, by an error of its own or on purpose, it cancels every task of its loop; ours must not be among them.
It is started again after a crash, with a growing wait.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Final

import kopf

from nfvi_ha.operator.handlers import Feed, build_registry

log = logging.getLogger(__name__)

FIRST_RESTART_SECONDS: Final = 0.5
LAST_RESTART_SECONDS: Final = 30.0


class KopfThread:
    """Runs kopf until ``stop``; ``ready`` says whether it watches."""

    def __init__(self, feed: Feed, on_crash: Callable[[Exception], None]) -> None:
        self._feed = feed
        self._on_crash = on_crash
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether kopf has begun to watch our kinds."""
        return self._ready.is_set() and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self, grace_seconds: float) -> None:
        """End kopf; after the grace the thread is left behind (it is a daemon and holds nothing)."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, grace_seconds)

    def _run(self) -> None:
        delay = FIRST_RESTART_SECONDS
        while not self._stop.is_set():
            try:
                asyncio.run(self._operate())
                delay = FIRST_RESTART_SECONDS
            except Exception as error:
                # kopf dies of any ERROR event in a watch that is not a 410 (measured); we must outlive that.
                log.exception("kopf ended; it is started again", extra={"seconds": delay})
                self._on_crash(error)
            self._ready.clear()
            self._stop.wait(delay)
            delay = min(delay * 2, LAST_RESTART_SECONDS)

    async def _operate(self) -> None:
        await kopf.operator(
            registry=build_registry(self._feed),
            standalone=True,
            clusterwide=True,
            stop_flag=self._stop,
            ready_flag=self._ready,
        )
