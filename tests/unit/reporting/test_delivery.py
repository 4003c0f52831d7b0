"""Delivery over real loopback sockets to the real receiver."""

import asyncio
import socket
import time

from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.reporting.sender import Limits

from .sockets import chain, delivering, raised, receiving, to

KEY = b"k" * 32
HEADERS = {"Content-Type": "application/cloudevents+json"}


async def test_a_notification_arrives_signed_and_its_delivery_is_told() -> None:
    async with (
        receiving(keys={"k1": KEY}) as (receiver, url),
        delivering(to(url, hmac_key=KEY, hmac_key_id="k1")) as (deliverer, told),
    ):
        notification = raised()
        assert deliverer.submit(notification) == {"vim"}
        await told.until(lambda: bool(told.finals()))
        (record,) = receiver.records
        (final,) = told.finals()
        assert (record.id, record.verified, record.status) == (notification.id, True, 204)
        assert record.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert (final.state, final.attempts, final.http_status) == (DeliveryState.DELIVERED, 1, 204)
        assert final.latency_ms is not None
        assert 0 < final.latency_ms < 10_000
        assert deliverer.status()["vim"].delivered == 1


async def test_a_receiver_with_another_key_refuses_and_the_notification_is_parked() -> None:
    async with (
        receiving(keys={"k1": b"x" * 32}) as (receiver, url),
        delivering(to(url, hmac_key=KEY, hmac_key_id="k1")) as (deliverer, told),
    ):
        deliverer.submit(raised())
        await told.until(lambda: bool(told.finals()))
        assert [(one.state, one.reason) for one in told.finals()] == [(DeliveryState.PARKED, "HTTP401")]
        assert [(one.verified, one.refusal) for one in receiver.records] == [(False, "Mismatch")]


async def test_a_sick_endpoint_does_not_slow_a_healthy_one() -> None:
    async with receiving() as (sick, sick_url), receiving() as (_, healthy_url):
        sick.misbehave(delay_seconds=5.0)
        async with delivering(to(sick_url, "sick", timeout_seconds=10.0), to(healthy_url)) as (deliverer, told):
            for index in range(200):
                deliverer.submit(raised(f"vm-{index}"))
                await asyncio.sleep(0.005)
            await told.until(lambda: len(told.finals()) == 200)
            latencies = sorted(one.latency_ms or 0.0 for one in told.finals())
            assert latencies[-2] < 1000.0
            assert not told.finals("sick")
            assert len(sick.records) <= 64
            assert deliverer.status()["sick"].pending == 200


async def test_an_endpoint_that_never_answers_is_tried_again_with_the_same_id_and_told_unreachable() -> None:
    async with receiving() as (receiver, url), delivering(to(url, timeout_seconds=0.2)) as (deliverer, told):
        receiver.misbehave(manner="drop")
        deliverer.submit(raised())
        await told.until(lambda: ("vim", False, "Timeout") in told.reachable)
        receiver.misbehave()
        await told.until(lambda: bool(told.finals()))
        assert told.finals()[0].state is DeliveryState.DELIVERED
        assert len({record.id for record in receiver.records}) == 1
        assert len(receiver.records) >= 4
        assert not any(record.duplicate for record in receiver.records)
        assert told.reachable[-1] == ("vim", True, "Delivered")


async def test_a_receiver_that_closes_and_comes_back_gets_everything_once_and_in_order() -> None:
    async with receiving() as (receiver, url), delivering(to(url)) as (deliverer, told):
        receiver.misbehave(manner="close", every=3)
        sent = [one for index in range(30) for one in chain(f"vm-{index}", 3)]
        for one in sent:
            deliverer.submit(one)
        await told.until(lambda: len(told.finals()) == 90)
        assert {record.id for record in receiver.records if record.accepted} == {one.id for one in sent}
        assert not any(record.duplicate or record.out_of_order for record in receiver.records)


async def test_a_receiver_that_is_not_there_is_noticed_before_anything_is_due() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with delivering(to(f"http://127.0.0.1:{port}/"), limits=Limits(warm_interval_seconds=0.05)) as (
        deliverer,
        told,
    ):
        await told.until(lambda: told.reachable == [("vim", False, "ConnectFailed")])
        deliverer.submit(raised())
        receiver = Receiver(ReceiverSettings(port=port))
        await receiver.start()
        await told.until(lambda: bool(told.finals()))
        await receiver.stop()


async def test_an_edit_during_a_slow_request_loses_nothing() -> None:
    async with (
        receiving() as (old, old_url),
        receiving() as (new, new_url),
        delivering(to(old_url)) as (deliverer, told),
    ):
        old.misbehave(delay_seconds=0.3, status=500)
        first, second = chain("vm", 2)
        deliverer.submit(first)
        deliverer.submit(second)
        await old.wait_for(lambda records: len(records) == 1)
        deliverer.set_endpoints([to(new_url)])
        await told.until(lambda: len(told.finals()) == 2)
        assert [record.id for record in new.records] == [first.id, second.id]


async def test_submitting_a_burst_does_not_block_the_caller() -> None:
    async with receiving() as (receiver, url), delivering(to(url), to(url, "second")) as (deliverer, told):
        burst = [raised(f"vm-{index}") for index in range(500)]
        start = time.process_time()
        for one in burst:
            deliverer.submit(one)
        assert time.process_time() - start < 2.0  # 0.05 s on an idle machine
        assert not receiver.records
        await told.until(lambda: len(told.finals()) + len(told.finals("second")) == 1000)
        assert len(receiver.records) == 1000
