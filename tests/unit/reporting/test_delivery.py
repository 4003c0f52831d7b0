"""Delivery over real loopback sockets to the real receiver."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from prometheus_client import CollectorRegistry

from nfvi_ha.api import vimendpoint
from nfvi_ha.reporting import address, outcome
from nfvi_ha.reporting.answer import Verdict
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.endpoint import Endpoint, resolve
from nfvi_ha.reporting.http_client import Client, HttpClient
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.reporting.sender import Limits

from . import messages
from .certificates import Authority
from .test_endpoint import secret

KEY = b"k" * 32
HEADERS = {"Content-Type": "application/cloudevents+json"}


def raised(name: str = "web-0-1") -> Notification:
    """Of now: older ones would expire."""
    return messages.raised(name, at=datetime.now(UTC))


def chain(name: str, length: int) -> list[Notification]:
    return messages.chain(name, length, at=datetime.now(UTC))


def to(url: str, name: str = "vim", **settings: Any) -> Endpoint:
    defaults: dict[str, Any] = {"initial_backoff_seconds": 0.05, "max_backoff_seconds": 0.2, "timeout_seconds": 5.0}
    return Endpoint(name, url, **{**defaults, **settings})


@asynccontextmanager
async def receiving(**settings: Any) -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver(ReceiverSettings(**settings))
    url = await receiver.start()
    try:
        yield receiver, url
    finally:
        await receiver.stop()


class Told:
    """Outcomes as they come, and waiting for them."""

    def __init__(self) -> None:
        self.outcomes: list[DeliveryOutcome] = []
        self.reachable: list[tuple[str, bool, str]] = []
        self._changed = asyncio.Event()

    def on_outcome(self, one: DeliveryOutcome) -> None:
        self.outcomes.append(one)
        self._changed.set()

    def on_reachable(self, *change: Any) -> None:
        self.reachable.append(change)
        self._changed.set()

    def finals(self, endpoint: str = "vim") -> list[DeliveryOutcome]:
        return [one for one in self.outcomes if one.endpoint == endpoint and one.state is not DeliveryState.RETRYING]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def delivering(
    *endpoints: Endpoint, limits: Limits | None = None, connect: Callable[[Endpoint], Client] = HttpClient
) -> AsyncIterator[tuple[Deliverer, Told]]:
    told = Told()
    deliverer = Deliverer(
        on_outcome=told.on_outcome,
        on_reachable=told.on_reachable,
        metrics=DeliveryMetrics(CollectorRegistry()),
        limits=limits or Limits(),
        connect=connect,
    )
    deliverer.set_endpoints(endpoints)
    try:
        yield deliverer, told
    finally:
        await deliverer.close(1.0)


class RawServer:
    """Counts connections and lets a test answer by hand."""

    def __init__(self, handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]) -> None:
        self._handle = handle
        self.connections = 0

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/n"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._handle(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


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


async def test_a_redirect_is_not_followed() -> None:
    async with (
        receiving() as (target, target_url),
        receiving() as (receiver, url),
        delivering(to(url)) as (deliverer, told),
    ):
        receiver.misbehave(status=307, headers={"Location": target_url})
        deliverer.submit(raised())
        await told.until(lambda: bool(told.finals()))
        assert (told.finals()[0].state, told.finals()[0].reason) == (
            DeliveryState.PARKED,
            outcome.REDIRECT_NOT_FOLLOWED,
        )
        assert not target.records


class ChangingResolver(AbstractResolver):
    """Resolves to one address first and to another for ever after."""

    def __init__(self, *hosts: str) -> None:
        self._hosts = list(hosts)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self._hosts.pop(0) if len(self._hosts) > 1 else self._hosts[0]
        kind = socket.AF_INET6 if ":" in found else socket.AF_INET
        return [ResolveResult(hostname=host, host=found, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("bad", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "fd00:ec2::254"])
async def test_a_name_that_turns_into_a_forbidden_address_is_refused_when_connecting(bad: str) -> None:
    async with receiving() as (receiver, url):
        port = url.rsplit(":", 1)[1]
        receiver.misbehave(headers={"Connection": "close"})
        resolver = ChangingResolver("127.0.0.1", bad)
        client = HttpClient(to(f"http://vim.example.com:{port}"), resolver, dns_cache_seconds=0)
        first = await client.post(b"{}", HEADERS, wall_now=0.0)
        assert first.status == 400  # it arrived: {} is no event
        second = await client.post(b"{}", HEADERS, wall_now=0.0)
        assert (second.verdict, second.reason) == (Verdict.RETRY, address.REASON)
        assert len(receiver.records) == 1
        assert await client.warm(1) == address.REASON
        await client.close()


async def test_of_several_addresses_only_the_allowed_ones_are_used() -> None:
    class Both(ChangingResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            one = (await super().resolve(host, port))[0]
            return [one, ResolveResult(**{**one, "host": "127.0.0.1"})]

    async with receiving() as (receiver, url):
        port = url.rsplit(":", 1)[1]
        client = HttpClient(to(f"http://vim.example.com:{port}"), Both("169.254.169.254"))
        assert (await client.post(b"{}", HEADERS, wall_now=0.0)).status == 400
        assert len(receiver.records) == 1
        await client.close()


async def test_numeric_hosts_in_odd_forms_reach_nothing_even_without_the_url_check() -> None:
    for host in ("2130706433", "0x7f.1", "127.1"):
        client = HttpClient(to(f"http://{host}:1/"))
        assert (await client.post(b"{}", HEADERS, wall_now=0.0)).verdict is Verdict.RETRY
        await client.close()


async def test_the_first_notification_uses_a_connection_that_is_already_open() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 204 Fine\r\n\r\n")

    server = RawServer(handle)
    async with (
        server as url,
        delivering(to(url), limits=Limits(warm_connections=2, warm_interval_seconds=0.05)) as (deliverer, told),
    ):
        await told.until(lambda: told.reachable == [("vim", True, "Connected")])
        for index in range(20):
            deliverer.submit(raised(f"vm-{index}"))
            await told.until(lambda wanted=index + 1: len(told.finals()) == wanted)  # type: ignore[misc]
        assert server.connections == 2


async def test_a_warm_connection_that_the_server_closed_is_opened_again() -> None:
    opened = asyncio.Queue[asyncio.StreamWriter]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        opened.put_nowait(writer)
        await reader.read()

    async with (
        RawServer(handle) as url,
        delivering(to(url), limits=Limits(warm_connections=1, warm_interval_seconds=0.02)),
    ):
        for _ in range(3):
            async with asyncio.timeout(10):
                (await opened.get()).close()


async def test_a_connection_closed_just_as_we_send_costs_no_back_off() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        if number > 1:
            writer.write(b"HTTP/1.1 204 Fine\r\n\r\n")
            await reader.read()

    server = RawServer(handle)
    async with (
        server as url,
        delivering(
            to(url, initial_backoff_seconds=60.0, max_backoff_seconds=60.0),
            limits=Limits(warm_connections=1, warm_interval_seconds=60.0),
        ) as (deliverer, told),
    ):
        deliverer.submit(raised())
        await told.until(lambda: bool(told.finals()))
        assert [(one.state, one.attempts) for one in told.outcomes] == [(DeliveryState.DELIVERED, 1)]
        assert server.connections == 2


async def test_an_endless_answer_neither_blocks_nor_fills_the_memory() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with RawServer(handle) as url, delivering(to(url)) as (deliverer, told):
        deliverer.submit(raised())
        await told.until(lambda: bool(told.finals()))
        assert told.finals()[0].state is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 204 " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 204 ok\r\nContent-Length: -5\r\n\r\n",
    ],
)
async def test_an_answer_that_is_not_http_is_a_failed_attempt(answer: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    async with RawServer(handle) as url, delivering(to(url)) as (deliverer, told):
        deliverer.submit(raised())
        await told.until(lambda: len(told.outcomes) >= 2)
        assert {one.state for one in told.outcomes} == {DeliveryState.RETRYING}
        assert {one.reason for one in told.outcomes} <= {outcome.CONNECTION_LOST}


def vim_with(url: str, **spec: Any) -> vimendpoint.VIMEndpoint:
    retry = {"initialBackoff": "50ms", "maxBackoff": "100ms"}
    body = {"apiVersion": "nfvi-ha.io/v1alpha1", "kind": "VIMEndpoint", "metadata": {"name": "vim"}}
    return vimendpoint.parse({**body, "spec": {"url": url, "retry": retry, **spec}})


async def test_tls_is_verified_against_the_private_ca_and_the_client_shows_its_certificate() -> None:
    authority = Authority()
    certificate, key = authority.issue("operator")
    async with receiving(ssl_context=authority.server_context(demand_client=True)) as (receiver, url):
        hosts = url.split("/")[2]
        secrets = {
            "ca": secret("ca", ca_crt=authority.certificate),
            "client": secret("client", hosts, tls_crt=certificate, tls_key=key),
        }
        spec = vim_with(url, tls={"caSecretName": "ca"}, auth={"mtls": {"secretName": "client"}})
        async with delivering(resolve(spec, secrets.get)) as (deliverer, told):
            deliverer.submit(raised())
            await told.until(lambda: bool(told.finals()))
            assert receiver.records[0].accepted


async def test_a_server_that_another_ca_vouches_for_gets_nothing() -> None:
    async with receiving(ssl_context=Authority().server_context()) as (receiver, url):
        spec = vim_with(url, tls={"caSecretName": "ca"})
        endpoint = resolve(spec, {"ca": secret("ca", ca_crt=Authority().certificate)}.get)
        async with delivering(endpoint) as (deliverer, told):
            deliverer.submit(raised())
            await told.until(lambda: bool(told.outcomes))
            assert told.outcomes[0].reason == outcome.TLS_FAILED
            assert not receiver.records


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
