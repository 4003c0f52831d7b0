"""Order, doubles, edits of endpoints and the end of a delivery, in virtual time."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.reporting import outcome
from nfvi_ha.reporting.answer import failed
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.gate import OPEN_AFTER
from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.sender import Limits

from .messages import chain, raised
from .virtual import VIM, Attempt, VirtualWorld, deliver, other, run, status, until_done


def test_the_first_attempt_starts_in_the_turn_of_the_submit() -> None:
    world = VirtualWorld()

    async def scenario(deliverer: Deliverer) -> None:
        assert deliverer.submit(raised()) == {"vim"}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(world.attempts) == 1

    run(world, scenario)


def test_a_double_submit_sends_nothing_and_tells_a_finished_outcome_again() -> None:
    world = VirtualWorld()

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        assert deliverer.submit(raised()) == {"vim"}
        await until_done(world, 1)
        assert deliverer.submit(raised()) == {"vim"}
        await asyncio.sleep(1)

    run(world, scenario)
    assert len(world.attempts) == 1
    assert world.finals() == [(raised().id, "Delivered")] * 2


def test_only_endpoints_asked_for_and_let_through_by_their_filter_get_it() -> None:
    world = VirtualWorld(
        endpoints=(other(VIM, name="a"), other(VIM, name="b", types=("vm.paused",)), other(VIM, name="c"))
    )

    async def scenario(deliverer: Deliverer) -> None:
        assert deliverer.submit(raised()) == {"a", "c"}
        assert deliverer.submit(raised("x"), endpoints=["b", "c", "gone"]) == {"c"}
        await until_done(world, 3)

    run(world, scenario)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_first_arrivals_of_a_resource_are_in_order_whatever_fails(data: st.DataObject) -> None:
    lanes = [
        chain(f"vm-{index}", length) for index, length in enumerate(data.draw(st.lists(st.integers(1, 6), max_size=6)))
    ]
    sent = [one for lane in lanes for one in lane]
    shuffled = data.draw(st.permutations(range(len(sent))))
    kinds = data.draw(st.lists(st.sampled_from(["204", "500", "timeout", "slow", "429", "404"]), max_size=60))
    pauses = data.draw(st.lists(st.sampled_from([0.0, 0.7, 30.0]), min_size=len(sent), max_size=len(sent)))

    def script(attempt: Attempt) -> object:
        kind = kinds.pop() if kinds else "204"
        if kind == "slow":
            return asyncio.sleep(3.0, status(204))
        return {"429": status(429, Retry_After="2"), "timeout": failed(outcome.TIMEOUT)}.get(kind) or status(int(kind))

    world = VirtualWorld(script=script, limits=Limits(warm_connections=0, connections=3))  # type: ignore[arg-type]

    async def scenario(deliverer: Deliverer) -> None:
        # Resources in any order, one resource's in its own, with pauses so that some come while others wait.
        left = [list(lane) for lane in lanes]
        owners = [index for index, lane in enumerate(lanes) for _ in lane]
        for position, pause in zip(shuffled, pauses, strict=True):
            deliverer.submit(left[owners[position]].pop(0))
            await asyncio.sleep(pause)
        await until_done(world, len(sent))

    run(world, scenario)
    assert sorted(one for one, _ in world.finals()) == sorted(one.id for one in sent)
    first: dict[str, list[int]] = {}
    seen: set[str] = set()
    for attempt in world.attempts:
        if attempt.id not in seen:
            seen.add(attempt.id)
            first.setdefault(attempt.subject, []).append(attempt.sequence)
    assert all(order == sorted(order) for order in first.values())


def test_one_resource_waits_for_its_own_and_for_no_other() -> None:
    first, second = chain("a", 2)

    def script(attempt: Attempt) -> object:
        return asyncio.sleep(4.0, status(204)) if attempt.subject.endswith("/a") else status(204)

    world = deliver(VirtualWorld(script=script), first, second, raised("b"))  # type: ignore[arg-type]
    assert [(attempt.subject[-1], attempt.at) for attempt in world.attempts] == [
        ("a", 0.0),
        ("b", 0.0),
        ("a", pytest.approx(4.0)),
    ]


def test_a_lower_sequence_submitted_late_still_goes_before_those_that_wait() -> None:
    one, two, three = chain("a", 3)
    world = VirtualWorld(script=lambda attempt: status(204) if attempt.at > 5 else status(500))

    async def scenario(deliverer: Deliverer) -> None:
        for notification in (one, three, two):
            deliverer.submit(notification)
        await until_done(world, 3)

    run(world, scenario)
    assert [name for name, _ in world.finals()] == [one.id, two.id, three.id]


def test_a_lower_sequence_never_interrupts_the_one_under_way() -> None:
    one, two = chain("a", 2)
    world = VirtualWorld(script=lambda attempt: asyncio.sleep(4.0, status(204)))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(two)
        await asyncio.sleep(1)
        deliverer.submit(one)
        await until_done(world, 2)

    run(world, scenario)
    assert [attempt.id for attempt in world.attempts] == [two.id, one.id]
    assert world.finals() == [(two.id, "Delivered"), (one.id, "Delivered")]


def test_an_edited_endpoint_goes_on_with_the_new_settings_at_once() -> None:
    fixed = other(VIM, url="https://vim2.example.com/n", hmac_key=b"k" * 32, hmac_key_id="k1")
    first, second = chain("a", 2)
    world = VirtualWorld(script=lambda attempt: status(204) if attempt.endpoint.url == fixed.url else status(500))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(first)
        deliverer.submit(second)
        await asyncio.sleep(900.0)
        deliverer.set_endpoints([fixed])
        await asyncio.sleep(0.1)
        assert world.finals() == [(first.id, "Delivered"), (second.id, "Delivered")]

    run(world, scenario)
    assert world.attempts[-1].headers["X-NFVI-HA-Key-Id"] == "k1"


def test_setting_the_same_endpoints_again_changes_nothing() -> None:
    world = VirtualWorld(script=lambda attempt: status(500) if attempt.at < 50 else status(204))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        for _ in range(49):
            await asyncio.sleep(1.0)
            deliverer.set_endpoints([other(VIM)])
        await until_done(world, 1)

    run(world, scenario)
    assert len(world.attempts) < 9


def test_what_was_parked_may_be_submitted_again_after_an_edit() -> None:
    world = VirtualWorld(script=lambda attempt: status(401 if not attempt.endpoint.headers else 204))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        await until_done(world, 1)
        deliverer.set_endpoints([other(VIM, headers={"Authorization": "Bearer x"})])
        deliverer.submit(raised())
        await until_done(world, 2)

    run(world, scenario)
    assert [state for _, state in world.finals()] == ["Parked", "Delivered"]


def test_a_removed_endpoint_gives_up_what_is_pending_and_says_so() -> None:
    world = VirtualWorld(
        endpoints=(VIM, other(VIM, name="healthy")),
        script=lambda attempt: status(500 if attempt.endpoint.name == "vim" else 204),
    )

    async def scenario(deliverer: Deliverer) -> None:
        for one in chain("a", 2):
            deliverer.submit(one)
        await asyncio.sleep(10)
        deliverer.set_endpoints([other(VIM, name="healthy")])
        deliverer.set_endpoints([other(VIM, name="healthy"), VIM])
        assert world.metric("nfvi_ha_delivery_pending", endpoint="vim") == 0.0
        await asyncio.sleep(10)

    run(world, scenario)
    removed = [one for one in world.outcomes if one.reason == outcome.ENDPOINT_REMOVED]
    assert [(one.endpoint, one.state) for one in removed] == [("vim", DeliveryState.PARKED)] * 2
    assert world.metric("nfvi_ha_delivery_outcomes_total", endpoint="vim", state="Parked") == 2.0


def test_a_suspended_endpoint_keeps_what_is_pending_and_takes_more() -> None:
    world = VirtualWorld(script=lambda attempt: status(500) if attempt.at < 10 else status(204))

    async def scenario(deliverer: Deliverer) -> None:
        first, second = chain("a", 2)
        deliverer.submit(first)
        await asyncio.sleep(5)
        deliverer.set_endpoints([], suspended=["vim", "never-seen"])
        sent = len(world.attempts)
        assert deliverer.submit(second) == {"vim"}
        await asyncio.sleep(500)
        assert len(world.attempts) == sent
        deliverer.set_endpoints([VIM])
        await until_done(world, 2)
        assert [name for name, _ in world.finals()] == [first.id, second.id]

    run(world, scenario)


def test_a_full_memory_refuses_with_a_reason_and_keeps_the_order_when_submitted_again() -> None:
    world = VirtualWorld(
        script=lambda attempt: status(500) if attempt.at < 100 else status(204),
        limits=Limits(pending=2, warm_connections=0),
    )
    one, two, three, four = chain("a", 4)

    async def scenario(deliverer: Deliverer) -> None:
        for notification in (one, two, three):
            assert deliverer.submit(notification) == {"vim"}
        refused = world.outcomes[-1]
        assert (refused.notification_id, refused.state) == (three.id, DeliveryState.RETRYING)
        assert (refused.reason, refused.attempts) == (outcome.QUEUE_FULL, 0)
        await until_done(world, 2)
        deliverer.submit(four)  # there is room, but three must go first
        assert deliverer.status()["vim"].refused == 2
        await asyncio.sleep(5)
        for notification in (three, four):
            deliverer.submit(notification)
        await until_done(world, 4)
        assert deliverer.status()["vim"].refused == 0

    run(world, scenario)
    assert [name for name, _ in world.finals()] == [one.id, two.id, three.id, four.id]


def test_a_resource_is_not_mute_for_ever_if_a_refused_one_never_comes_again() -> None:
    world = VirtualWorld(
        script=lambda attempt: status(500) if attempt.at < 5 else status(204),
        limits=Limits(pending=1, warm_connections=0),
    )
    one, two, three = chain("a", 3)

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(one)
        deliverer.submit(two)
        await asyncio.sleep(700)
        deliverer.submit(three)
        await until_done(world, 2)

    run(world, scenario)
    assert [name for name, _ in world.finals()] == [one.id, three.id]


def test_a_listener_that_raises_stops_nothing_and_is_counted() -> None:
    world = VirtualWorld()
    world.outcomes = _Raising()  # type: ignore[assignment]

    async def scenario(deliverer: Deliverer) -> None:
        for one in chain("a", 3):
            deliverer.submit(one)
        await asyncio.sleep(1)

    run(world, scenario)
    assert len(world.attempts) == 3
    assert world.metric("nfvi_ha_delivery_callback_errors_total") == 3.0


class _Raising(list):  # type: ignore[type-arg]
    def append(self, item: object) -> None:
        raise RuntimeError("listener")


def test_closing_lets_a_request_under_way_end_and_starts_no_other() -> None:
    first, second = chain("a", 2)
    world = VirtualWorld(
        script=lambda attempt: asyncio.sleep(2.0, status(204) if attempt.id == first.id else status(500))
    )

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(first)
        deliverer.submit(raised("b"))
        await asyncio.sleep(1)
        await deliverer.close(5.0)
        assert deliverer.submit(second) == frozenset()
        assert asyncio.get_running_loop().time() == pytest.approx(2.0)

    run(world, scenario)
    assert world.finals() == [(first.id, "Delivered")]
    assert len(world.attempts) == 2


def test_closing_ends_a_back_off_without_another_attempt() -> None:
    world = VirtualWorld(endpoints=(other(VIM, initial_backoff_seconds=30.0),), script=lambda attempt: status(500))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        await asyncio.sleep(1)
        await deliverer.close(5.0)
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)

    run(world, scenario)
    assert len(world.attempts) == 1
    assert world.finals() == []


def test_closing_waits_no_longer_than_the_grace() -> None:
    world = VirtualWorld(script=lambda attempt: asyncio.sleep(50.0, status(204)))

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised())
        await asyncio.sleep(0.1)
        await deliverer.close(3.0)
        assert asyncio.get_running_loop().time() == pytest.approx(3.1)

    run(world, scenario)
    assert world.finals() == []


def test_closing_does_not_wait_for_an_endpoint_that_is_down() -> None:
    world = VirtualWorld(script=lambda attempt: failed(outcome.CONNECT_FAILED))

    async def scenario(deliverer: Deliverer) -> None:
        for index in range(10):
            deliverer.submit(raised(f"vm-{index}"))
        await asyncio.sleep(100.0)
        await deliverer.close(5.0)
        assert asyncio.get_running_loop().time() == pytest.approx(100.0)

    run(world, scenario)
    assert len(world.attempts) >= OPEN_AFTER
