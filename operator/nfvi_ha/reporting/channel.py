"""The queue of one endpoint: its resources in parallel, each resource in order, nothing shared with other endpoints."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nfvi_ha.reporting import outcome
from nfvi_ha.reporting.answer import Answer, Verdict
from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.reporting.item import Item, Lane, Refused, ResourceKey
from nfvi_ha.reporting.metrics import EndpointMetrics
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState, EndpointStatus
from nfvi_ha.reporting.sender import Limits, Sender, World

_REMEMBERED: Final = 20_000
"""Outcomes kept per endpoint, so that a double submit sends nothing."""
_STATES: Final = {
    Verdict.DELIVERED: DeliveryState.DELIVERED,
    Verdict.PARK: DeliveryState.PARKED,
    Verdict.EXPIRE: DeliveryState.EXPIRED,
}


@dataclass(slots=True)
class _Counts:
    since: datetime
    reason: str = ""
    delivered: int = 0
    failed: int = 0
    parked: int = 0
    last_error: str = ""
    last_delivered_at: datetime | None = None
    last_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told. Neither may raise."""

    on_outcome: Callable[[DeliveryOutcome], None]
    on_reachable: Callable[[str, bool, str], None]
    """Endpoint, reachable, reason."""


class Channel:
    """Everything that is pending for one endpoint, and what became of it."""

    def __init__(
        self, endpoint: Endpoint, world: World, limits: Limits, metrics: EndpointMetrics, listeners: Listeners
    ) -> None:
        self._name = endpoint.name
        self._world = world
        self._limits = limits
        self._metrics = metrics
        self._listeners = listeners
        self._lanes: dict[ResourceKey, Lane] = {}
        self._tasks: dict[ResourceKey, asyncio.Task[None]] = {}
        self._pending: set[str] = set()
        self._refused = Refused()
        self._done: OrderedDict[str, DeliveryOutcome] = OrderedDict()
        self._order = 0
        self._counts = _Counts(since=self._now())
        self._sender = Sender(
            endpoint, world, limits, on_attempt=self._attempted, on_reachable=self._reachability_changed
        )

    @property
    def endpoint(self) -> Endpoint:
        """As it is now."""
        return self._sender.endpoint

    def submit(self, item: Item) -> None:
        """Take an item. One that is pending is ignored; one that is done with has its outcome told again."""
        known = self._done.get(item.notification_id)
        if known is not None:
            # Later: the caller is not prepared to be called back from within submit.
            asyncio.get_running_loop().call_soon(self._listeners.on_outcome, known)
        elif item.notification_id not in self._pending:
            if len(self._pending) >= self._limits.pending or self._refused.blocks(item):
                self._refuse(item)
            else:
                self._take(item)

    def withdraw(self, incident: str) -> None:
        """Try nothing of an incident any more, without an outcome. A request under way may still deliver its own."""
        for resource, lane in list(self._lanes.items()):
            first = lane.first()
            taken = lane.withdraw(incident)
            for item in taken:
                self._pending.discard(item.notification_id)
            if first in taken:  # it waited for its turn, or for its next attempt
                self._tasks[resource].cancel()
                self._tasks[resource] = asyncio.create_task(self._drain(resource, lane))
        self._show_depth()

    def update(self, endpoint: Endpoint) -> None:
        """Go on with other settings: what waits is tried at once, what was parked may be submitted again."""
        self._sender.update(endpoint)
        self._done = OrderedDict(
            (key, told) for key, told in self._done.items() if told.state is not DeliveryState.PARKED
        )

    def suspend(self) -> None:
        """Keep what is pending and send nothing until ``update``: the endpoint exists and cannot be used."""
        self._sender.suspend()

    def give_up(self) -> None:
        """Park what is pending: the endpoint does not exist any more. ``close`` must follow."""
        items = [item for lane in self._lanes.values() for item in lane]
        self._cancel()
        for item in items:
            status = item.last.status if item.last else None
            self._finish(item, Answer(Verdict.PARK, outcome.ENDPOINT_REMOVED, status))
        self._metrics.remove()

    async def close(self, grace_seconds: float) -> None:
        """Let requests under way end, start no retries, then close. What is left over stays with the Incidents."""
        worth_waiting = self._sender.stop()
        if self._tasks and worth_waiting:
            await asyncio.wait(self._tasks.values(), timeout=grace_seconds)
        self._cancel()
        await self._sender.close()

    @property
    def status(self) -> EndpointStatus:
        """How the endpoint does."""
        counts = self._counts
        return EndpointStatus(
            name=self._name,
            reachable=self._sender.reachable,
            reason=counts.reason,
            since=counts.since,
            pending=len(self._pending),
            refused=self._refused.count,
            delivered=counts.delivered,
            failed=counts.failed,
            parked=counts.parked,
            last_error=counts.last_error,
            last_delivered_at=counts.last_delivered_at,
            last_latency_ms=counts.last_latency_ms,
        )

    def _take(self, item: Item) -> None:
        self._refused.taken(item)
        self._order += 1
        item.order = self._order
        self._pending.add(item.notification_id)
        self._show_depth()
        lane = self._lanes.setdefault(item.resource, Lane())
        lane.add(item)
        if item.resource not in self._tasks:
            self._tasks[item.resource] = asyncio.create_task(self._drain(item.resource, lane))

    def _refuse(self, item: Item) -> None:
        self._refused.add(item)
        self._show_depth()
        self._tell(item, DeliveryState.RETRYING, outcome.QUEUE_FULL, None)

    async def _drain(self, resource: ResourceKey, lane: Lane) -> None:
        while (item := lane.first()) is not None:
            answer = await self._sender.deliver(item)
            if answer.verdict is not Verdict.RETRY:
                lane.done()
                self._finish(item, answer)
            elif item.withdrawn:
                lane.done()
                self._pending.discard(item.notification_id)
                self._show_depth()
            else:  # stopped
                return
        del self._lanes[resource], self._tasks[resource]

    def _attempted(self, item: Item, answer: Answer) -> None:
        self._metrics.attempt(answer.result)
        if answer.verdict is Verdict.DELIVERED:
            return
        self._counts.failed += 1
        self._counts.last_error = answer.reason
        if answer.verdict is Verdict.RETRY:
            self._tell(item, DeliveryState.RETRYING, answer.reason, answer.status)

    def _finish(self, item: Item, answer: Answer) -> None:
        state = _STATES[answer.verdict]
        latency_ms = None
        if state is DeliveryState.DELIVERED:
            seconds = self._world.clock() - item.submitted
            latency_ms = (seconds + item.age_seconds) * 1000.0
            self._metrics.latency.observe(seconds)
            self._counts.delivered += 1
            self._counts.last_error = ""
            self._counts.last_delivered_at = self._now()
            self._counts.last_latency_ms = latency_ms
        else:
            self._counts.parked += 1
        self._metrics.outcome(state)
        self._pending.discard(item.notification_id)
        self._show_depth()
        self._done[item.notification_id] = self._tell(item, state, answer.reason, answer.status, latency_ms)
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)

    def _tell(
        self, item: Item, state: DeliveryState, reason: str, status: int | None, latency_ms: float | None = None
    ) -> DeliveryOutcome:
        told = DeliveryOutcome(
            notification_id=item.notification_id,
            incident=item.incident,
            endpoint=self._name,
            state=state,
            attempts=item.attempts,
            http_status=status,
            reason=reason,
            latency_ms=latency_ms,
            at=self._now(),
        )
        self._listeners.on_outcome(told)
        return told

    def _reachability_changed(self, reachable: bool, reason: str) -> None:
        self._counts.reason = reason
        self._counts.since = self._now()
        self._metrics.reachable(reachable)
        self._listeners.on_reachable(self._name, reachable, reason)

    def _cancel(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._lanes.clear()

    def _show_depth(self) -> None:
        self._metrics.pending.set(len(self._pending))
        self._metrics.refused.set(self._refused.count)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._world.wall_clock(), UTC)
