"""Who may ask an endpoint now: everybody (within a bound) while it works, one probe at a time while it does not."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.reporting import address, outcome

OPEN_AFTER: Final = 3
"""Failures in a row after which the endpoint counts as unreachable."""
FIRST_AFTER_OUTAGE: Final = 4
"""Requests at once after an outage; each success doubles it, so that a VIM that just came back is not run over."""

_NO_HTTP: Final = frozenset({outcome.CONNECT_FAILED, outcome.TLS_FAILED, address.REASON})


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request; to be given back by ``Gate.leave``."""

    probe: bool


class Gate:
    """Admission to one endpoint: bounded concurrency, oldest first, and a circuit breaker.

    Closed circuit: up to ``limit`` requests at once. After ``OPEN_AFTER`` failures in a row it opens: one probe per
    back-off, until one succeeds. ``hold`` (Retry-After) and ``suspend`` (endpoint unusable) admit nobody meanwhile.
    """

    def __init__(
        self,
        *,
        limit: int,
        clock: Callable[[], float],
        backoff_seconds: Callable[[int], float],
        on_reachable: Callable[[bool, str], None],
    ) -> None:
        """Make a closed gate of unknown reachability.

        Args:
            limit: Requests at once.
            clock: Monotonic seconds.
            backoff_seconds: Delay before the next probe after this many failed ones.
            on_reachable: Called on each change of ``reachable`` with its reason.
        """
        self._limit = limit
        self._clock = clock
        self._backoff_seconds = backoff_seconds
        self._on_reachable = on_reachable
        self._waiting: list[tuple[int, asyncio.Future[Permit | None]]] = []
        self._in_flight = 0
        self._suspended = False
        self._timer: asyncio.TimerHandle | None = None
        self._forget()

    def _forget(self) -> None:
        self.reachable: bool | None = None
        self._limit_now = self._limit
        self._open = False
        self._failures = 0
        self._last_reason = ""
        self._not_before = 0.0

    @property
    def is_suspended(self) -> bool:
        """Nobody is admitted until ``reset``."""
        return self._suspended

    @property
    def is_open(self) -> bool:
        """The endpoint is taken for unreachable."""
        return self._open

    async def enter(self, order: int, deadline: float) -> Permit | None:
        """Wait for leave to send, the lowest ``order`` first. None: the deadline (monotonic) passed."""
        if not self._waiting and self._room() > 0:
            return self._grant()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Permit | None] = loop.create_future()
        heapq.heappush(self._waiting, (order, turn))
        expiry = loop.call_later(max(0.0, deadline - self._clock()), _give_up, turn)
        self._admit()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result() is not None:
                self._in_flight -= 1
                self._admit()
            raise
        finally:
            expiry.cancel()

    def leave(self, permit: Permit, alive: bool | None, reason: str) -> None:
        """Give a permit back and say whether the endpoint works (None: the attempt came to nothing)."""
        self._in_flight -= 1
        if alive:
            self._succeeded(reason)
        elif alive is False and (permit.probe or not self._open):
            # Requests that were under way when the circuit opened tell nothing new: only a probe may lengthen the wait.
            self._failed(reason)
        self._admit()

    def connected(self) -> None:
        """A connection was opened without a request: enough to try again at once if connecting was the trouble."""
        if self._open and self._last_reason in _NO_HTTP:
            self._not_before = 0.0
            if not self._has_waiting():
                self._succeeded(outcome.CONNECTED)
        elif not self._open:
            self._set_reachable(True, outcome.CONNECTED)
        self._admit()

    def connect_failed(self, reason: str) -> None:
        """No connection could be opened, though no notification asked for one."""
        if not self._open:
            self._failed(reason)

    def hold(self, seconds: float) -> None:
        """Admit nobody for so long: the endpoint asked for it. It stays reachable."""
        self._not_before = max(self._not_before, self._clock() + seconds)
        self._limit_now = min(self._limit_now, FIRST_AFTER_OUTAGE)

    def suspend(self) -> None:
        """Admit nobody until ``reset``."""
        self._suspended = True

    def reset(self) -> None:
        """Start afresh: the endpoint's settings are others now."""
        self._suspended = False
        self._forget()
        self._admit()

    def _room(self) -> int:
        if self._suspended or self._clock() < self._not_before:
            return 0
        return (1 if self._open else self._limit_now) - self._in_flight

    def _grant(self) -> Permit:
        self._in_flight += 1
        return Permit(probe=self._open)

    def _has_waiting(self) -> bool:
        while self._waiting and self._waiting[0][1].done():
            heapq.heappop(self._waiting)
        return bool(self._waiting)

    def _admit(self) -> None:
        while self._has_waiting() and self._room() > 0:
            heapq.heappop(self._waiting)[1].set_result(self._grant())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._not_before - self._clock()
        if self._waiting and wait > 0 and not self._suspended:
            self._timer = asyncio.get_running_loop().call_later(wait, self._admit)

    def _succeeded(self, reason: str) -> None:
        self._failures = 0
        if self._open:
            self._open = False
            self._not_before = 0.0
            self._limit_now = min(self._limit, FIRST_AFTER_OUTAGE)
        else:
            self._limit_now = min(self._limit, self._limit_now * 2)
        self._set_reachable(True, reason)

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self._last_reason = reason
        if self._failures < OPEN_AFTER:
            return
        self._open = True
        self._not_before = max(self._not_before, self._clock() + self._backoff_seconds(self._failures - OPEN_AFTER + 1))
        self._set_reachable(False, reason)

    def _set_reachable(self, reachable: bool, reason: str) -> None:
        if reachable is not self.reachable:
            self.reachable = reachable
            self._on_reachable(reachable, reason)


def _give_up(turn: "asyncio.Future[Permit | None]") -> None:
    if not turn.done():
        turn.set_result(None)
