from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nfvi_ha.kube.client import KubeClient
from tests.unit.agent.process.hypervisor import Hypervisor
from tests.unit.kube.fake_api import FakeApi


@pytest.fixture
async def hypervisor(tmp_path: Path) -> AsyncIterator[Hypervisor]:
    made = Hypervisor(tmp_path)
    yield made
    await made.close()


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
