"""Retries and the circuit breaker, in virtual time."""

import asyncio
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.reporting import outcome
from nfvi_ha.reporting.answer import Answer, failed
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.gate import FIRST_AFTER_OUTAGE
from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.sender import Limits
from nfvi_ha.reporting.signing import verify

from .messages import chain, raised
from .virtual import START, VIM, Attempt, VirtualWorld, at, deliver, other, run, sequence_of, status, until_done


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
    # One probe, four at once, and then more.
    assert most[: 2 + FIRST_AFTER_OUTAGE] == [1, 1, 2, 3, 4, 1]
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


def test_a_client_that_breaks_its_promise_does_not_stop_a_lane() -> None:
    def script(_: Attempt) -> Answer:
        if len(world.attempts) == 1:
            raise ValueError("bug")
        return status(204)

    world = VirtualWorld(script=script)
    deliver(world)
    assert [one.reason for one in world.outcomes] == [outcome.INTERNAL_ERROR, outcome.DELIVERED]
