"""The key service on a real socket: what it answers, what it refuses, and what it never says."""

import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from nfvi_ha.core.key_material import KeyMaterial
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.operator.keys.certificate import AUTHORITY, Serving, make_entries, server_context
from nfvi_ha.operator.keys.limits import OF_ALL, PER_SOURCE, SOURCES_KEPT, Limits
from nfvi_ha.operator.keys.refusal import KeyRefused, Reason
from nfvi_ha.operator.keys.service import PATH, KeyService
from nfvi_ha.reporting.clock import Clock

from .conftest import Time

MASTERS = {1: b"m" * 32, 2: b"n" * 32}
TOKEN = "secret-token-of-an-agent"


class Tokens:
    """Stands for the reviewer: knows one token."""

    def __init__(self) -> None:
        self.asked = 0

    async def node_of(self, token: str) -> str:
        self.asked += 1
        if token != TOKEN:
            raise KeyRefused(Reason.NOT_AUTHENTICATED, "the API server does not accept the token for this audience")
        return "worker-1"


@dataclass
class Site:
    service: KeyService
    tokens: Tokens
    registry: CollectorRegistry
    context: ssl.SSLContext
    port: int = 0
    keys: list[KeyMaterial] = field(default_factory=list)

    async def ask(self, *, ca: bytes, token: str | None = TOKEN, method: str = "POST", path: str = PATH) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        trust = ssl.create_default_context(cadata=ca.decode())
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"https://localhost:{self.port}{path}", headers=headers, ssl=trust) as answer,
        ):
            return answer.status, await answer.read(), dict(answer.headers)

    def counted(self, result: str) -> float:
        return self.registry.get_sample_value("nfvi_ha_key_requests_total", {"result": result}) or 0.0


def entries() -> dict[str, bytes]:
    """A certificate that is good now: TLS looks at the real clock."""
    return make_entries(("localhost", "127.0.0.1"), datetime.now(UTC))


CURRENT = entries()
CA = CURRENT[AUTHORITY]


@pytest_asyncio.fixture
async def site(clock: Clock) -> AsyncIterator[Site]:
    tokens, registry, context, keys = Tokens(), CollectorRegistry(), server_context(), [KeyMaterial(MASTERS, b"v" * 32)]
    service = KeyService(
        tokens,  # type: ignore[arg-type]
        lambda: keys[0],
        cluster="site-1",
        clock=clock.monotonic,
        registry=registry,
    )
    found = Site(service, tokens, registry, context, keys=keys)
    Serving.from_entries(CURRENT).load_into(context)
    found.port = await service.start("127.0.0.1", 0, None, context)
    yield found
    await service.stop()


async def test_an_agent_gets_every_key_of_its_own_node_and_the_clusters_name(site: Site) -> None:
    status, body, headers = await site.ask(ca=CA)
    assert status == 200
    wanted = {str(number): node_key(master, "worker-1", number).hex() for number, master in MASTERS.items()}
    assert orjson.loads(body) == {"keys": wanted, "cluster": "site-1"}
    assert headers["Cache-Control"] == "no-store"
    assert site.counted("Given") == 1


@pytest.mark.parametrize("token", [None, "", " ", "x" * 20_000])
async def test_without_a_token_nobody_is_asked(site: Site, token: str | None) -> None:
    status, _, _ = await site.ask(ca=CA, token=token)
    assert status in {400, 401}
    assert site.tokens.asked == 0


async def test_a_refusal_has_its_reason_and_says_nothing_that_is_secret(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    status, body, _ = await site.ask(ca=CA, token="forged-token-of-a-stranger")
    assert status == 401
    assert b"NotAuthenticated" in body
    assert site.counted("NotAuthenticated") == 1
    await site.ask(ca=CA)
    told = caplog.text + str([record.__dict__ for record in caplog.records])
    for secret in (TOKEN, "forged-token-of-a-stranger", *(key.hex() for key in MASTERS.values())):
        assert secret not in told
    assert node_key(MASTERS[1], "worker-1", 1).hex() not in told


async def test_there_is_one_question_and_one_way_to_ask_it(site: Site) -> None:
    assert (await site.ask(ca=CA, method="GET"))[0] == 405
    assert (await site.ask(ca=CA, path="/v1/master-key"))[0] == 404
    assert site.tokens.asked == 0


async def test_before_there_are_keys_it_says_that_there_will_be(site: Site) -> None:
    site.keys[0] = KeyMaterial()
    status, body, headers = await site.ask(ca=CA)
    assert status == 503
    assert b"NoKeysYet" in body
    assert int(headers["Retry-After"]) > 0


async def test_a_flood_from_one_address_ends_before_the_api_server_is_asked(site: Site) -> None:
    answers = [(await site.ask(ca=CA, token="x"))[0] for _ in range(int(PER_SOURCE) + 5)]
    assert answers.count(429) == 5
    assert site.tokens.asked == PER_SOURCE


async def test_a_renewed_certificate_is_served_without_a_restart(site: Site) -> None:
    renewed = entries()
    with pytest.raises(aiohttp.ClientConnectorError):
        await site.ask(ca=renewed[AUTHORITY])
    Serving.from_entries(renewed).load_into(site.context)
    assert (await site.ask(ca=renewed[AUTHORITY]))[0] == 200


def test_limits_refill_and_forget_nobody_who_matters() -> None:
    time = Time()
    limits = Limits(time)
    assert [limits.allow("a") for _ in range(int(PER_SOURCE) + 1)].count(False) == 1
    assert limits.allow("b")
    time.forward(10.0)
    assert limits.allow("a")
    for number in range(SOURCES_KEPT + 100):
        limits.allow(str(number))
    assert len(limits._sources) == SOURCES_KEPT


def test_many_addresses_together_are_limited_too() -> None:
    time = Time()
    limits = Limits(time)
    assert sum(limits.allow(str(number)) for number in range(1000)) == OF_ALL
    time.forward(1.0)
    assert sum(limits.allow(str(number)) for number in range(1000, 2000)) == 50
