"""Sending to one endpoint until it took the notification, refused it for good, or time is up."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tenacity import AsyncRetrying

from nfvi_ha.reporting import outcome, signing
from nfvi_ha.reporting.answer import Answer, Verdict, expired, failed
from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.reporting.gate import Gate
from nfvi_ha.reporting.http_client import Client
from nfvi_ha.reporting.item import Item
from nfvi_ha.reporting.retry import WANTS_RETRY, backoff_seconds, capped_retry_after, wait_backoff

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one endpoint's delivery."""

    connections: int = 64
    """Requests at once."""
    pending: int = 10_000
    """Notifications in memory, about 3 KiB each."""
    warm_connections: int = 2
    """Kept open and idle, so that a first notification pays no handshake. 0: none."""
    warm_interval_seconds: float = 5.0
    """How often they are looked after. That is also how soon a returned endpoint is noticed."""


@dataclass(frozen=True, slots=True)
class World:
    """What sending takes from outside."""

    clock: Callable[[], float]
    """Monotonic seconds."""
    wall_clock: Callable[[], float]
    """Seconds since 1970."""
    random: Callable[[], float]
    """Uniform in [0, 1)."""
    connect: Callable[[Endpoint], Client]


class Sender:
    """One endpoint's requests: admission, signature, retries, warm connections."""

    def __init__(
        self,
        endpoint: Endpoint,
        world: World,
        limits: Limits,
        *,
        on_attempt: Callable[[Item, Answer], None],
        on_reachable: Callable[[bool, str], None],
    ) -> None:
        """Connect to nothing yet, but start to keep connections warm.

        Args:
            endpoint: Where to.
            world: Clocks, randomness, and how to connect.
            limits: Bounds.
            on_attempt: Told of every answer; must not raise.
            on_reachable: Told when the endpoint becomes reachable or unreachable, with the reason; must not raise.
        """
        self.endpoint = endpoint
        self._world = world
        self._on_attempt = on_attempt
        self._client = world.connect(endpoint)
        self._gate = Gate(
            limit=limits.connections,
            clock=world.clock,
            backoff_seconds=lambda failures: backoff_seconds(self.endpoint, failures, world.random),
            on_reachable=self._reachability_changed,
        )
        self._tell_reachable = on_reachable
        self._sleepers: set[asyncio.Future[None]] = set()
        self._stopping = False
        self._closing: set[asyncio.Task[None]] = set()
        self._warmer = asyncio.create_task(self._keep_warm(limits)) if limits.warm_connections else None

    @property
    def reachable(self) -> bool | None:
        """None until the first connection or answer."""
        return self._gate.reachable

    async def deliver(self, item: Item) -> Answer:
        """Send until the item is delivered, parked or expired; with verdict RETRY the sender was stopped before."""
        item.turn = self._world.clock()
        answer = await self._attempt(item)
        return answer if answer.verdict is not Verdict.RETRY else await self._repeat(item, answer)

    async def _repeat(self, item: Item, failed_first: Answer) -> Answer:
        # The first attempt was made outside: in a burst tenacity would cost a quarter of the time of each success.
        made = [failed_first]

        async def attempt() -> Answer:
            return made.pop() if made else await self._attempt(item)

        retrying = AsyncRetrying(
            retry=WANTS_RETRY,
            wait=wait_backoff(lambda: self.endpoint, self._world.random, lambda: self._remaining_seconds(item)),
            stop=lambda _: self._stopping or item.withdrawn or self._remaining_seconds(item) <= 0,
            sleep=self._sleep,
            retry_error_callback=lambda _: self._gave_up(item),
        )
        answer: Answer = await retrying(attempt)
        return answer

    def update(self, endpoint: Endpoint) -> None:
        """Go on with other settings; whatever waits is tried at once. Requests under way end with the old ones."""
        if endpoint != self.endpoint:
            self._retire(self._client)
            self.endpoint = endpoint
            self._client = self._world.connect(endpoint)
        self._gate.reset()
        self._wake()

    def suspend(self) -> None:
        """Send nothing until ``update``."""
        self._gate.suspend()

    def stop(self) -> bool:
        """Start no retries any more. Returns whether it is worth waiting for what is under way."""
        self._stopping = True
        self._wake()
        if self._warmer is not None:
            self._warmer.cancel()
        return not self._gate.is_open

    async def close(self) -> None:
        """Close the connections. Nothing may be under way."""
        self.stop()
        self._retire(self._client)
        await asyncio.wait(self._closing)

    async def _attempt(self, item: Item) -> Answer:
        if self._stopping and item.last is not None:
            return item.last
        permit = None
        while permit is None:
            # Again after each edit of the endpoint: it may have changed how long the item is kept.
            deadline = self._world.clock() + self._remaining_seconds(item)
            permit = await self._gate.enter(item.order, deadline)
            if permit is None and self._remaining_seconds(item) <= 0:
                return expired(item.last)
        answer: Answer | None = None
        item.is_under_way = True
        try:
            answer = await self._post(item)
        finally:
            item.is_under_way = False
            if answer is not None and (asked := capped_retry_after(self.endpoint, answer)) is not None:
                self._gate.hold(asked)
            self._gate.leave(permit, answer.alive if answer else None, answer.reason if answer else "")
        item.last = answer
        self._on_attempt(item, answer)
        return answer

    async def _post(self, item: Item) -> Answer:
        endpoint = self.endpoint
        item.attempts += 1
        now = self._world.wall_clock()
        headers = {"Content-Type": item.content_type}
        if endpoint.hmac_key:
            headers |= signing.sign(item.body, endpoint.hmac_key, endpoint.hmac_key_id, now=now)
        try:
            return await self._client.post(item.body, headers, wall_now=now)
        except Exception:  # noqa: BLE001 - logged, counted by its reason, and tried again: nothing may stop a lane
            _LOG.exception("attempt failed unexpectedly", extra={"endpoint": endpoint.name, "id": item.notification_id})
            return failed(outcome.INTERNAL_ERROR)

    def _remaining_seconds(self, item: Item) -> float:
        endpoint = self.endpoint
        expiry = item.submitted - item.age_seconds + endpoint.expires_after_seconds
        if item.attempts == 0:
            # Old when its turn comes (after a restart, or behind one that was refused again and again): a probe's time
            # is left to it, so that nothing expires without having been tried at an endpoint that can be asked.
            expiry = max(expiry, item.turn + endpoint.max_backoff_seconds + endpoint.timeout_seconds)
        return expiry - self._world.clock()

    def _gave_up(self, item: Item) -> Answer:
        ended = self._stopping or item.withdrawn
        return item.last if ended and item.last is not None else expired(item.last)

    async def _sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        wake: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _set, wake)
        self._sleepers.add(wake)
        try:
            await wake
        finally:
            timer.cancel()
            self._sleepers.discard(wake)

    def _wake(self) -> None:
        for sleeper in self._sleepers:
            _set(sleeper)

    def _reachability_changed(self, reachable: bool, reason: str) -> None:
        self._tell_reachable(reachable, reason)
        if reachable:
            # Back-offs grew long while it was away; what waits goes now. A Retry-After is kept by the gate.
            self._wake()

    async def _keep_warm(self, limits: Limits) -> None:
        while True:
            if not self._gate.is_suspended:
                await self._warm(limits.warm_connections)
            await asyncio.sleep(limits.warm_interval_seconds * (0.75 + 0.5 * self._world.random()))

    async def _warm(self, count: int) -> None:
        client = self._client
        reason = await client.warm(count)
        if client is not self._client:
            return
        if reason is None:
            self._gate.connected()
        else:
            self._gate.connect_failed(reason)

    def _retire(self, client: Client) -> None:
        closing = asyncio.create_task(client.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
