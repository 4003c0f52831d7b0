"""Reports go first: while faults are being told, changes and records wait a moment (DESIGN section 4).

They share one processor with the notifications, and often the API server's machine with the VIM's path. When half of
all VMs fail within a second, creating their replacements must not make the last of them known a second late.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import Final

from nfvi_ha.reporting.catalogue import State
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome

YOUNG_SECONDS: Final = 0.15
"""A first attempt under way for longer holds nothing up: its endpoint is slow, and may be for long."""
LONGEST_SECONDS: Final = 1.0
"""So long without a pause at most: in a storm that does not end, recovery goes on beside it."""

Attempt = tuple[str, str]


class Precedence:
    """Knows which raised faults are being told for the first time right now.

    Args:
        clock: monotonic seconds.
        after: calls something in so many seconds.
    """

    def __init__(self, clock: Callable[[], float], after: Callable[[float, Callable[[], None]], object]) -> None:
        self._clock = clock
        self._after = after
        self._young: set[Attempt] = set()
        self._busy_since = 0.0
        self._calm = asyncio.Event()
        self._calm.set()

    def on_submitted(self, notification: Notification, endpoints: Collection[str]) -> None:
        """First attempts at these endpoints begin."""
        if notification.state is State.RAISED:
            for endpoint in endpoints:
                self._begin((notification.id, endpoint))

    def on_outcome(self, outcome: DeliveryOutcome) -> None:
        """An attempt ended, one way or another."""
        self._end((outcome.notification_id, outcome.endpoint))

    async def wait(self) -> None:
        """Until no first attempt is under way, and a second at most after the first of them began."""
        left = self._busy_since + LONGEST_SECONDS - self._clock()
        if self._young and left > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._calm.wait()

    def _begin(self, attempt: Attempt) -> None:
        if not self._young:
            self._busy_since = self._clock()
            self._calm.clear()
        self._young.add(attempt)
        self._after(YOUNG_SECONDS, lambda: self._end(attempt))

    def _end(self, attempt: Attempt) -> None:
        self._young.discard(attempt)
        if not self._young:
            self._calm.set()
