"""Withdrawing an incident from delivery: the operator sees to the rest of it."""

import asyncio

from nfvi_ha.reporting.answer import Answer, failed
from nfvi_ha.reporting.delivery import Deliverer

from .messages import chain, raised
from .virtual import Attempt, VirtualWorld, run, status


def test_what_waits_for_its_next_attempt_is_not_tried_again_and_no_outcome_is_told() -> None:
    world = VirtualWorld(script=lambda _: status(503))

    async def scenario(deliverer: Deliverer) -> None:
        for notification in chain("web-0-1", 3):
            deliverer.submit(notification)
        await asyncio.sleep(0.5)
        deliverer.withdraw(raised().incident)
        await asyncio.sleep(600)
        assert deliverer.status()["vim"].pending == 0

    run(world, scenario)
    assert [attempt.sequence for attempt in world.attempts] == [1]
    assert world.finals() == []


def test_what_comes_later_on_the_resource_goes_on() -> None:
    later = raised(episode=1, sequence=9)
    world = VirtualWorld(script=lambda attempt: status(503 if attempt.sequence < 9 else 204))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        deliverer.submit(later)
        await asyncio.sleep(0.5)
        deliverer.withdraw(raised().incident)
        await asyncio.sleep(5)

    run(world, scenario)
    assert world.finals() == [(later.id, "Delivered")]


def test_a_request_under_way_ends_and_its_delivery_is_told() -> None:
    world = VirtualWorld(script=lambda _: _after(1.0, status(204)))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        await asyncio.sleep(0.5)
        deliverer.withdraw(raised().incident)
        await asyncio.sleep(5)
        assert deliverer.status()["vim"].pending == 0

    run(world, scenario)
    assert world.finals() == [(raised().id, "Delivered")]


def test_a_request_under_way_that_fails_is_the_last_one() -> None:
    def script(attempt: Attempt) -> object:
        return _after(1.0, failed("ConnectionLost")) if attempt.sequence == 1 else status(204)

    world = VirtualWorld(script=script)  # type: ignore[arg-type]
    later = raised(episode=1, sequence=9)

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        deliverer.submit(later)
        await asyncio.sleep(0.5)
        deliverer.withdraw(raised().incident)
        await asyncio.sleep(60)

    run(world, scenario)
    assert [attempt.sequence for attempt in world.attempts] == [1, 9]
    assert world.finals() == [(later.id, "Delivered")]


def test_what_was_withdrawn_may_be_submitted_again() -> None:
    answers = [503, 204]
    world = VirtualWorld(script=lambda _: status(answers.pop(0)))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        await asyncio.sleep(0.1)
        deliverer.withdraw(raised().incident)
        deliverer.submit(raised())
        await asyncio.sleep(1)

    run(world, scenario)
    assert world.finals() == [(raised().id, "Delivered")]


async def _after(seconds: float, answer: Answer) -> Answer:
    await asyncio.sleep(seconds)
    return answer
