"""Delivery in virtual time, against clients that answer by script."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import looptime
from prometheus_client import CollectorRegistry

from nfvi_ha.reporting.answer import Answer, answered
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.sender import Limits

from .messages import SEEN, raised

START = SEEN.timestamp()
VIM = Endpoint("vim", "https://vim.example.com/n", initial_backoff_seconds=1.0, max_backoff_seconds=60.0)

Script = Callable[["Attempt"], Awaitable[Answer] | Answer]


@dataclass(frozen=True)
class Attempt:
    """One request that a client was asked to send."""

    endpoint: Endpoint
    at: float
    id: str
    sequence: int
    subject: str
    headers: Mapping[str, str]
    body: bytes


def status(code: int, **headers: str) -> Answer:
    """An HTTP answer, as the real client judges it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answered(code, named, wall_now=START + asyncio.get_running_loop().time())


class ScriptedClient:
    """Answers as the script says, and notes every attempt."""

    def __init__(self, endpoint: Endpoint, world: "VirtualWorld") -> None:
        self.endpoint = endpoint
        self.world = world
        self.closed = False

    async def post(self, body: bytes, headers: Mapping[str, str], *, wall_now: float) -> Answer:
        assert not self.closed
        event = json.loads(body)
        now = asyncio.get_running_loop().time()
        attempt = Attempt(self.endpoint, now, event["id"], event["data"]["sequence"], event["subject"], headers, body)
        self.world.attempts.append(attempt)
        answer = self.world.script(attempt)
        return answer if isinstance(answer, Answer) else await answer

    async def warm(self, count: int) -> str | None:
        self.world.warmed.append(asyncio.get_running_loop().time())
        return self.world.warm_reason

    async def close(self) -> None:
        self.closed = True


@dataclass
class VirtualWorld:
    """A deliverer whose time is the loop's, from 0."""

    script: Script = lambda attempt: status(204)
    endpoints: tuple[Endpoint, ...] = (VIM,)
    limits: Limits = field(default_factory=lambda: Limits(warm_connections=0))
    random: Callable[[], float] = lambda: 1.0
    warm_reason: str | None = None
    attempts: list[Attempt] = field(default_factory=list)
    outcomes: list[DeliveryOutcome] = field(default_factory=list)
    reachable: list[tuple[float, str, bool, str]] = field(default_factory=list)
    warmed: list[float] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def deliverer(self) -> Deliverer:
        loop = asyncio.get_running_loop()
        made = Deliverer(
            on_outcome=self.outcomes.append,
            on_reachable=lambda name, up, reason: self.reachable.append((loop.time(), name, up, reason)),
            metrics=DeliveryMetrics(self.registry),
            clock=loop.time,
            wall_clock=lambda: START + loop.time(),
            random=self.random,
            connect=lambda endpoint: ScriptedClient(endpoint, self),
            limits=self.limits,
        )
        made.set_endpoints(self.endpoints)
        return made

    def finals(self) -> list[tuple[str, str]]:
        return [(one.notification_id, one.state) for one in self.outcomes if one.state is not DeliveryState.RETRYING]

    def times(self) -> list[float]:
        return [round(attempt.at, 3) for attempt in self.attempts]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def run(world: VirtualWorld, scenario: Callable[[Deliverer], Coroutine[Any, Any, None]]) -> VirtualWorld:
    """Play a scenario; hours take milliseconds. Fails if it leaves a task behind."""

    async def play() -> None:
        deliverer = world.deliverer()
        await scenario(deliverer)
        await deliverer.close(0.0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    loop = looptime.new_event_loop(start=0.0, end=10**7)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play())
    return world


def at(seconds: float) -> datetime:
    """The wall clock at a loop time."""
    return datetime.fromtimestamp(START + seconds, UTC)


def other(endpoint: Endpoint, **changes: Any) -> Endpoint:
    return replace(endpoint, **changes)


def sequence_of(*answers: Answer | int) -> object:
    """Each answer once, the last for ever; an int is a status."""
    left = list(answers)

    def script(_: Attempt) -> Answer:
        answer = left.pop(0) if len(left) > 1 else left[0]
        return status(answer) if isinstance(answer, int) else answer

    return script


async def until_done(world: VirtualWorld, count: int) -> None:
    async with asyncio.timeout(10**4):
        while len(world.finals()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.25)  # of virtual time


def deliver(world: VirtualWorld, *notifications: object) -> VirtualWorld:
    """Submit all at once and wait until all are done with everywhere."""
    wanted = notifications or (raised(),)

    async def scenario(deliverer: Deliverer) -> None:
        count = sum(len(deliverer.submit(one)) for one in wanted)  # type: ignore[arg-type]
        await until_done(world, count)

    return run(world, scenario)
