"""Delivery of notifications to every endpoint that wants them: at once, in parallel, in order per resource, until done.

The memory here is only the fast path. The Incident is the durable outbox: whatever has no final outcome there is
submitted again (after a restart, a change of leader, or a full queue), and ids make that harmless.
"""

import asyncio
import logging
import random as random_module
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, Final

from nfvi_ha.reporting.channel import Channel, Listeners
from nfvi_ha.reporting.cloudevent import encode
from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.reporting.http_client import Client, HttpClient
from nfvi_ha.reporting.item import Item
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, EndpointStatus
from nfvi_ha.reporting.sender import Limits, World

_LOG: Final = logging.getLogger(__name__)


class Deliverer:
    """Sends notifications to the endpoints. All methods must be called on the event loop."""

    def __init__(
        self,
        *,
        on_outcome: Callable[[DeliveryOutcome], None],
        metrics: DeliveryMetrics,
        on_reachable: Callable[[str, bool, str], None] = lambda endpoint, reachable, reason: None,
        on_submitted: Callable[[Notification, frozenset[str]], None] = lambda notification, endpoints: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
        connect: Callable[[Endpoint], Client] = HttpClient,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """Know no endpoints yet.

        Args:
            on_outcome: Told of every failed attempt and every final state. What it raises is logged and counted.
            metrics: Where to count.
            on_reachable: Told when an endpoint becomes reachable or unreachable: name, reachable, reason. As above.
            on_submitted: Told of each submit with the endpoints that it is sent to, before anything is sent. As above.
            clock: Monotonic seconds.
            wall_clock: Seconds since 1970, for signatures and stamps.
            random: Uniform in [0, 1), for jitter.
            connect: Makes an endpoint's connections.
            limits: Bounds per endpoint.
        """
        self._metrics = metrics
        self._world = World(clock=clock, wall_clock=wall_clock, random=random, connect=connect)
        self._limits = limits
        self._listeners = Listeners(on_outcome=self._guarded(on_outcome), on_reachable=self._guarded(on_reachable))
        self._on_submitted = self._guarded(on_submitted)
        self._channels: dict[str, Channel] = {}
        self._suspended: frozenset[str] = frozenset()
        self._removals: set[asyncio.Task[None]] = set()
        self._closed = False

    def set_endpoints(self, endpoints: Iterable[Endpoint], *, suspended: Collection[str] = ()) -> None:
        """Replace the set of endpoints.

        A new one is connected to; a changed one goes on with the new settings and what was pending; one that is gone
        has its pending notifications parked with reason EndpointRemoved.

        Args:
            endpoints: All that can be used.
            suspended: Names of those that exist but cannot be used now (refused: a Secret is missing, ...). They keep
                what is pending and take more by their last filter, and nothing is sent to them meanwhile.
        """
        wanted = {endpoint.name: endpoint for endpoint in endpoints}
        for name in self._channels.keys() - wanted.keys() - set(suspended):
            removed = self._channels.pop(name)
            removed.give_up()
            self._later(removed.close(0.0))
        for name, endpoint in wanted.items():
            channel = self._channels.get(name)
            if channel is None:
                metrics = self._metrics.of(name)
                self._channels[name] = Channel(endpoint, self._world, self._limits, metrics, self._listeners)
            elif endpoint != channel.endpoint or name in self._suspended:
                channel.update(endpoint)
        self._suspended = frozenset(name for name in suspended if name in self._channels and name not in wanted)
        for name in self._suspended:
            self._channels[name].suspend()

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        """Send a notification to every endpoint whose filter lets it through. Never blocks.

        The first attempts are scheduled in this very turn of the event loop. Of one (id, endpoint) only one is ever
        pending; a submit of one that is done with sends nothing and tells its outcome once more, so that a writer who
        lost it can catch up. If the memory is full the outcome is Retrying with reason QueueFull and attempts 0: submit
        again later, lower sequences of a resource first.

        Args:
            notification: What to send.
            endpoints: Names to restrict it to (an outbox submits for those that are still due), None for all.

        Returns:
            Names of the endpoints whose filter lets it through, of those asked for.
        """
        if self._closed:
            return frozenset()
        names = [
            name
            for name, channel in self._channels.items()
            if (endpoints is None or name in endpoints) and channel.endpoint.matches(notification)
        ]
        if names:
            self._on_submitted(notification, frozenset(names))
            body, content_type = encode(notification)
            submitted = self._world.clock()
            age = max(0.0, self._world.wall_clock() - notification.time.timestamp())
            for name in names:
                self._channels[name].submit(
                    Item(
                        notification_id=notification.id,
                        incident=notification.incident,
                        resource=notification.resource.key,
                        sequence=notification.sequence,
                        body=body,
                        content_type=content_type,
                        submitted=submitted,
                        age_seconds=age,
                    )
                )
        return frozenset(names)

    def withdraw(self, incident: str) -> None:
        """Try nothing of an incident any more: somebody else sees to what is owed of it.

        No outcome is told of what was waiting. A request that is under way is not broken off: its delivery is told, its
        failure is not followed by another attempt.
        """
        for channel in self._channels.values():
            channel.withdraw(incident)

    def matching(self, notification: Notification) -> frozenset[str]:
        """Names of the endpoints whose filter lets it through; nothing is sent."""
        return frozenset(name for name, channel in self._channels.items() if channel.endpoint.matches(notification))

    def status(self) -> dict[str, EndpointStatus]:
        """How each endpoint does, by name."""
        return {name: channel.status for name, channel in self._channels.items()}

    async def close(self, grace_seconds: float) -> None:
        """Take no more, let requests under way end for so long, then close every connection.

        What is not delivered by then has no final outcome; whoever reads the outbox next submits it again.
        """
        self._closed = True
        channels = [channel.close(grace_seconds) for channel in self._channels.values()]
        await asyncio.gather(*channels, *self._removals)
        self._channels.clear()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        def guarded(*args: object) -> None:
            try:
                callback(*args)
            except Exception:  # noqa: BLE001 - whatever the listener does, delivery goes on
                self._metrics.callback_errors.inc()
                _LOG.exception("delivery listener failed", extra={"listener_args": repr(args)})

        return guarded
