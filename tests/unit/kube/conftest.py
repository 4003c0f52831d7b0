import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nfvi_ha.kube.client import KubeClient

from .fake_api import FakeApi


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[FakeApi]:
    server = FakeApi(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(api.kubeconfig, request_timeout_seconds=5) as made:
        yield made


async def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until the condition holds; fails the test when it does not within the bound."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition, also of a server
            await asyncio.sleep(0.005)
