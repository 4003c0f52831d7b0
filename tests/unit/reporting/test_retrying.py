import asyncio
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.reporting import outcome
from nfvi_ha.reporting.answer import Answer, failed
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.gate import FIRST_AFTER_OUTAGE, OPEN_AFTER
from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.sender import Limits
from nfvi_ha.reporting.signing import verify

from .messages import chain, raised
from .virtual import START, VIM, Attempt, VirtualWorld, at, other, run, status


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


def test_the_first_attempt_starts_in_the_turn_of_the_submit() -> None:
    world = VirtualWorld()

    async def scenario(deliverer: Deliverer) -> None:
        assert deliverer.submit(raised()) == {"vim"}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(world.attempts) == 1

    run(world, scenario)


def test_back_off_doubles_up_to_the_longest() -> None:
    endpoint = other(VIM, max_backoff_seconds=10.0)
    world = deliver(VirtualWorld(endpoints=(endpoint,), script=sequence_of(500, 500, 500, 500, 500, 500, 204)))  # type: ignore[arg-type]
    gaps = [round(later - earlier, 3) for earlier, later in zip(world.times(), world.times()[1:], strict=False)]
    assert gaps == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    final = world.outcomes[-1]
    assert (final.state, final.attempts, final.http_status) == (DeliveryState.DELIVERED, 7, 204)
    assert final.latency_ms == pytest.approx(35_000)
    assert [one.reason for one in world.outcomes[:2]] == ["HTTP500", "HTTP500"]


@given(st.floats(min_value=0.0, max_value=0.999))
@settings(max_examples=20, deadline=None)
def test_half_of_a_back_off_is_random(chance: float) -> None:
    world = deliver(VirtualWorld(random=lambda: chance, script=sequence_of(500, 204)))  # type: ignore[arg-type]
    assert world.attempts[1].at == pytest.approx(0.5 + 0.5 * chance, abs=0.01)


def test_an_endpoint_that_asks_for_time_gets_it_and_so_do_other_resources() -> None:
    def script(attempt: Attempt) -> Answer:
        return status(429, Retry_After="7") if attempt.at < 7 else status(204)

    world = VirtualWorld(script=script)

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(raised("a"))
        await asyncio.sleep(1)
        deliverer.submit(raised("b"))
        await until_done(world, 2)

    run(world, scenario)
    assert world.times() == [0.0, 7.0, 7.0]
    assert world.reachable == [(0.0, "vim", True, "HTTP429")]


def test_retry_after_may_be_a_date() -> None:
    def script(attempt: Attempt) -> Answer:
        date = format_datetime(at(20.0), usegmt=True)
        return status(503, Retry_After=date) if len(world.attempts) == 1 else status(204)

    world = VirtualWorld(script=script)
    deliver(world)
    assert world.times()[1] == pytest.approx(20.0, abs=1.0)  # HTTP dates have whole seconds


@pytest.mark.parametrize(
    ("value", "second"), [("86400", 60.0), ("-5", 1.0), ("soon", 1.0), ("", 1.0), ("99999999999999999999", 60.0)]
)
def test_an_odd_retry_after_neither_silences_nor_breaks_us(value: str, second: float) -> None:
    def script(_: Attempt) -> Answer:
        return status(429, Retry_After=value) if len(world.attempts) == 1 else status(204)

    world = VirtualWorld(script=script)
    deliver(world)
    assert world.times() == [0.0, second]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 413, 422, 301, 302, 307, 308])
def test_what_would_not_get_better_is_parked_and_blocks_nothing(code: int) -> None:
    first, second = chain("a", 2)
    world = VirtualWorld(script=lambda attempt: status(code) if attempt.id == first.id else status(204))
    deliver(world, first, second)
    assert world.finals() == [(first.id, "Parked"), (second.id, "Delivered")]
    assert world.times() == [0.0, 0.0]
    reason = outcome.REDIRECT_NOT_FOLLOWED if code < 400 else f"HTTP{code}"
    assert (world.outcomes[0].reason, world.outcomes[0].http_status) == (reason, code)


@pytest.mark.parametrize(
    "answer", [408, 425, 429, 500, 502, 503, 504, 599, failed(outcome.TIMEOUT), failed(outcome.CONNECT_FAILED)]
)
def test_what_may_get_better_is_tried_again(answer: Answer | int) -> None:
    world = deliver(VirtualWorld(script=sequence_of(answer, 200)))  # type: ignore[arg-type]
    assert world.finals() == [(raised().id, "Delivered")]
    assert len(world.attempts) == 2


def test_what_is_not_delivered_in_time_expires_and_the_next_goes() -> None:
    first, second = chain("a", 2)
    world = VirtualWorld(
        endpoints=(other(VIM, expires_after_seconds=100.0, max_backoff_seconds=30.0),),
        script=lambda attempt: status(204) if attempt.id == second.id else status(500),
    )
    deliver(world, first, second)
    assert world.finals()[0] == (first.id, "Expired")
    expired = next(one for one in world.outcomes if one.state is DeliveryState.EXPIRED)
    assert (expired.reason, expired.http_status) == (outcome.DEADLINE_PASSED, 500)
    assert world.finals() == [(first.id, "Expired"), (second.id, "Delivered")]
    assert world.attempts[-1].at == pytest.approx(110.0, abs=15.0)
    assert len(world.attempts) < 12


def test_an_old_notification_submitted_after_a_restart_is_still_tried() -> None:
    world = VirtualWorld(endpoints=(other(VIM, expires_after_seconds=100.0),))
    deliver(world, raised(at=at(-1000.0)))
    assert world.finals() == [(raised().id, "Delivered")]
    assert world.outcomes[-1].latency_ms == pytest.approx(1_000_000)


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


def test_an_endpoint_that_is_down_is_probed_not_hammered_and_drained_in_order_when_back() -> None:
    down_until = 600.0
    world = VirtualWorld(
        script=lambda attempt: failed(outcome.CONNECT_FAILED) if attempt.at < down_until else status(204)
    )
    lanes = [chain(f"vm-{index}", 2) for index in range(250)]
    deliver(world, *[one for lane in lanes for one in lane])
    during = [attempt for attempt in world.attempts if 5.0 < attempt.at < down_until]
    assert len(during) < 25
    after = [attempt for attempt in world.attempts if attempt.at >= down_until]
    assert after[0].at < down_until + 61.0
    assert after[-1].at < after[0].at + 1.0
    assert len(world.finals()) == 500
    assert {state for _, state in world.finals()} == {"Delivered"}
    assert [(up, reason) for _, _, up, reason in world.reachable] == [(False, "ConnectFailed"), (True, "Delivered")]
    assert world.metric("nfvi_ha_endpoint_reachable", endpoint="vim") == 1.0
    assert world.metric("nfvi_ha_delivery_pending", endpoint="vim") == 0.0


def test_a_returned_endpoint_is_not_run_over() -> None:
    under_way, most = 0, []

    async def slowly() -> Answer:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        await asyncio.sleep(1.0)
        under_way -= 1
        return status(204)

    world = VirtualWorld(script=lambda attempt: status(503) if attempt.at < 30 else slowly())
    deliver(world, *[raised(f"vm-{index}") for index in range(200)])
    assert max(most[: 1 + FIRST_AFTER_OUTAGE]) <= FIRST_AFTER_OUTAGE
    assert max(most) == 64


def test_a_single_refused_notification_does_not_make_the_endpoint_unreachable() -> None:
    bad = raised("bad")
    world = VirtualWorld(
        endpoints=(other(VIM, expires_after_seconds=300.0),),
        script=lambda attempt: status(500) if attempt.id == bad.id else status(204),
    )

    async def scenario(deliverer: Deliverer) -> None:
        deliverer.submit(bad)
        for index in range(300):
            deliverer.submit(raised(f"good-{index}"))
            await asyncio.sleep(0.5)
        await until_done(world, 300)

    run(world, scenario)
    assert len([attempt for attempt in world.attempts if attempt.id == bad.id]) >= 5
    assert not [up for _, _, up, _ in world.reachable if not up]


def test_a_connection_that_opens_again_ends_the_wait_at_once() -> None:
    def script(attempt: Attempt) -> Answer:
        return failed(outcome.CONNECT_FAILED) if world.warm_reason else status(204)

    world = VirtualWorld(script=script, limits=Limits(warm_connections=1, warm_interval_seconds=5.0))
    world.warm_reason = outcome.CONNECT_FAILED

    async def scenario(deliverer: Deliverer) -> None:
        await asyncio.sleep(100.0)
        assert deliverer.status()["vim"].reachable is False
        deliverer.submit(raised())
        await asyncio.sleep(400.0)
        world.warm_reason = None
        returned = asyncio.get_running_loop().time()
        await until_done(world, 1)
        # Back-off is a minute by now; the look-in every 5 s is what notices.
        assert asyncio.get_running_loop().time() - returned < 7.0

    run(world, scenario)


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


def test_each_attempt_is_signed_anew_over_the_same_body() -> None:
    world = VirtualWorld(endpoints=(other(VIM, hmac_key=b"k" * 32, hmac_key_id="k1"),), script=sequence_of(503, 204))  # type: ignore[arg-type]
    first, second = deliver(world).attempts
    assert first.body == second.body
    for attempt in (first, second):
        assert (
            verify(attempt.headers, attempt.body, {"k1": b"k" * 32}, now=START + attempt.at, tolerance_seconds=1)
            == "k1"
        )
    assert first.headers["X-NFVI-HA-Timestamp"] != second.headers["X-NFVI-HA-Timestamp"]


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


def test_a_client_that_breaks_its_promise_does_not_stop_a_lane() -> None:
    def script(_: Attempt) -> Answer:
        if len(world.attempts) == 1:
            raise ValueError("bug")
        return status(204)

    world = VirtualWorld(script=script)
    deliver(world)
    assert [one.reason for one in world.outcomes] == [outcome.INTERNAL_ERROR, outcome.DELIVERED]


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
