import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nfvi_ha.agent.config import KeyService
from nfvi_ha.agent.handed_out import HandedOut
from nfvi_ha.agent.key_client import KeyClient, KeyRefused
from tests.unit.agent.waiting import eventually
from tests.unit.reporting.certificates import Authority

KEY = "ab" * 32
HANDED = HandedOut({1: KEY}, "edge-7")


class Service:
    """A key service that answers as the test says."""

    def __init__(self, directory: Path) -> None:
        self.status = 200
        self.answer: Any = {"keys": {"1": KEY}, "cluster": "edge-7"}
        self.tokens: list[str] = []
        self.url = ""
        self.token = directory / "token"
        self.token.write_text("token-1\n")
        self.authority = Authority()
        (directory / "ca.crt").write_bytes(self.authority.certificate)

    async def handle(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.json_response(self.answer, status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    served = Service(tmp_path)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served.authority.server_context()).start()
    served.url = f"https://127.0.0.1:{runner.addresses[0][1]}/v1/node-key"
    yield served
    await runner.cleanup()


class Desk:
    def __init__(self, service: Service, directory: Path, cluster: str = "edge-7") -> None:
        self.used: list[HandedOut] = []
        self.counts: list[str] = []
        self.cached = directory / "keys.json"
        settings = KeyService(service.url, str(directory / "ca.crt"), str(service.token))
        self.client = KeyClient(settings, cluster, self.cached, self.used.append, self.counts.append, rng=lambda: 0.0)


async def test_keys_are_used_and_kept_for_root_only(service: Service, tmp_path: Path) -> None:
    desk = Desk(service, tmp_path)
    task = asyncio.create_task(desk.client.run())
    await eventually(desk.cached.exists)
    task.cancel()
    assert desk.used == [HANDED]
    assert json.loads(desk.cached.read_text()) == {"keys": {"1": KEY}, "cluster": "edge-7"}
    assert oct(desk.cached.stat().st_mode)[-3:] == "600"


async def test_token_is_read_anew_each_time(service: Service, tmp_path: Path) -> None:
    desk = Desk(service, tmp_path)
    await desk.client.ask()
    service.token.write_text("token-2")
    await desk.client.ask()
    assert service.tokens == ["Bearer token-1", "Bearer token-2"]


async def test_failing_service_is_asked_again_and_changes_nothing(service: Service, tmp_path: Path) -> None:
    desk = Desk(service, tmp_path)
    service.status = 503
    task = asyncio.create_task(desk.client.run())
    await eventually(lambda: len(desk.counts) >= 2)
    assert desk.used == []
    assert not desk.cached.exists()
    service.status = 200
    await eventually(lambda: desk.used)
    task.cancel()
    assert set(desk.counts) == {"failed", "ok"}


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"keys": {}, "cluster": "edge-7"},
        {"keys": {"1": "ab"}, "cluster": "edge-7"},
        {"keys": {"one": KEY}, "cluster": "edge-7"},
        {"keys": {"1": KEY}},
        {"keys": {"1": KEY}, "cluster": "another"},
    ],
)
async def test_answer_that_is_none_is_refused(service: Service, tmp_path: Path, answer: Any) -> None:
    service.answer = answer
    with pytest.raises(KeyRefused):
        await Desk(service, tmp_path).client.ask()


async def test_cluster_may_be_left_to_the_service(service: Service, tmp_path: Path) -> None:
    assert await Desk(service, tmp_path, cluster="").client.ask() == HANDED


async def test_token_is_not_taken_elsewhere_by_a_redirect(service: Service, tmp_path: Path) -> None:
    service.status = 307
    with pytest.raises(KeyRefused, match="HTTP 307"):
        await Desk(service, tmp_path).client.ask()
    assert len(service.tokens) == 1


async def test_server_that_cannot_prove_itself_gets_no_token(service: Service, tmp_path: Path) -> None:
    desk = Desk(service, tmp_path)
    (tmp_path / "ca.crt").write_bytes(Authority().certificate)
    with pytest.raises(KeyRefused, match="CERTIFICATE_VERIFY_FAILED"):
        await desk.client.ask()
    assert service.tokens == []
