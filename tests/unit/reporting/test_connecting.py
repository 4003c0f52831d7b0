"""How endpoints are connected to: addresses, TLS, warm connections, answers that are none."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from nfvi_ha.api import vimendpoint
from nfvi_ha.reporting import address, outcome
from nfvi_ha.reporting.answer import Verdict
from nfvi_ha.reporting.endpoint import resolve
from nfvi_ha.reporting.http_client import HttpClient
from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.sender import Limits

from .certificates import Authority
from .sockets import RawServer, delivering, raised, read_request, receiving, to
from .test_endpoint import secret

KEY = b"k" * 32
HEADERS = {"Content-Type": "application/cloudevents+json"}


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
        await told.until(lambda: told.reachable == [("vim", True, "Connected")])
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
