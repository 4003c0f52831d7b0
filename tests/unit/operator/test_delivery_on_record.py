"""The reporter with the real Deliverer, in virtual time: what became of each delivery is on record in the end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import looptime
from prometheus_client import CollectorRegistry

from nfvi_ha.core.fault import Fault
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.outcome import DeliveryOutcome
from nfvi_ha.reporting.sender import Limits
from tests.unit.reporting.virtual import SEEN, VIM, VirtualWorld, status

from .api_server import ApiServer
from .conftest import START, fault_of
from .desk import Desk, at_once

VIM = replace(VIM, name="vim", expires_after_seconds=86_400.0)


def fault(name: str, age: float = 0.0) -> Fault:
    """Seen so many seconds before the virtual time began."""
    return fault_of(name, f"uid-{name}", seconds=(SEEN - START).total_seconds() - age)


class Outcomes(list[DeliveryOutcome]):
    """Hands on what it is given."""

    def __init__(self, on_outcome: Callable[[DeliveryOutcome], None]) -> None:
        super().__init__()
        self._on_outcome = on_outcome

    def append(self, outcome: DeliveryOutcome) -> None:
        super().append(outcome)
        self._on_outcome(outcome)


def play(
    world: VirtualWorld, server: ApiServer, scenario: Callable[[Desk, Deliverer], Coroutine[Any, Any, None]]
) -> None:
    """Run a replica with a real Deliverer; hours take milliseconds."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        desk = Desk(server, Clock(loop.time, lambda: SEEN), endpoints=("vim",))
        desk.watch()
        world.registry = CollectorRegistry()
        world.outcomes = Outcomes(lambda outcome: desk.reporter.on_outcome(outcome))
        deliverer = world.deliverer()
        desk.reporter._submitter = deliverer
        desk.reporter.resume()
        await scenario(desk, deliverer)
        await deliverer.close(0.0)

    with asyncio.Runner(loop_factory=lambda: looptime.new_event_loop(start=0.0, end=10**7)) as runner:
        runner.run(run())


def write(desk: Desk) -> None:
    for incident in list(desk.book):
        at_once(desk.outbox.write(incident.id))


def on_record(server: ApiServer) -> dict[str, tuple[str, str]]:
    """State and reason of each delivery, by VM."""
    return {
        obj["spec"]["resource"]["name"]: (note["state"], note["reason"])
        for obj in server.objects.values()
        for note in obj["status"]["deliveries"]
    }


def test_a_notification_that_found_the_queue_full_is_delivered_by_the_periodic_resumption() -> None:
    server, world = ApiServer(), VirtualWorld(endpoints=(VIM,), limits=Limits(pending=2, warm_connections=0))

    async def scenario(desk: Desk, _: Deliverer) -> None:
        for number in range(5):
            desk.reporter.raise_fault(fault(f"vm-{number}"), 0.0)
        write(desk)
        assert sorted(state for state, _ in on_record(server).values()) == ["Pending"] * 2 + ["Retrying"] * 3
        for _ in range(2):
            await asyncio.sleep(30)
            desk.reporter.resume()
        await asyncio.sleep(1)
        write(desk)

    play(world, server, scenario)
    assert set(on_record(server).values()) == {("Delivered", "Delivered")}
    assert len(world.attempts) == 5, "each once"


def test_an_endpoint_removed_while_something_is_pending_is_on_record_as_such() -> None:
    server, world = ApiServer(), VirtualWorld(lambda attempt: status(503), endpoints=(VIM,))

    async def scenario(desk: Desk, deliverer: Deliverer) -> None:
        desk.reporter.raise_fault(fault("vm-0"), 0.0)
        await asyncio.sleep(5)
        deliverer.set_endpoints([])
        write(desk)

    play(world, server, scenario)
    assert on_record(server) == {"vm-0": ("Parked", "EndpointRemoved")}


def test_expiry_counts_from_the_notification_through_restarts() -> None:
    server, world = ApiServer(), VirtualWorld(lambda attempt: status(503), endpoints=(VIM,))

    async def first_life(desk: Desk, _: Deliverer) -> None:
        desk.reporter.raise_fault(fault("vm-0", age=23 * 3600), 0.0)
        await asyncio.sleep(60)
        write(desk)

    async def second_life(desk: Desk, _: Deliverer) -> None:
        await asyncio.sleep(50 * 60)
        write(desk)
        assert on_record(server)["vm-0"][0] == "Retrying"
        await asyncio.sleep(11 * 60)  # a day after it was seen
        write(desk)

    play(world, server, first_life)
    play(world, server, second_life)
    assert on_record(server)["vm-0"][0] == "Expired"


def test_what_became_due_while_no_operator_ran_is_tried_once_more_and_then_expires() -> None:
    server, world = ApiServer(), VirtualWorld(lambda attempt: status(503), endpoints=(VIM,))

    async def first_life(desk: Desk, _: Deliverer) -> None:
        desk.reporter.raise_fault(fault("vm-0", age=25 * 3600), 0.0)
        write(desk)

    async def second_life(desk: Desk, _: Deliverer) -> None:
        await asyncio.sleep(300)
        write(desk)

    play(world, server, first_life)
    play(world, server, second_life)
    assert on_record(server)["vm-0"][0] == "Expired"
