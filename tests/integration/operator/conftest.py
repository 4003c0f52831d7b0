"""One lab for all tests here: a control plane, four hypervisors, two operator replicas, a VIM. A namespace per test."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from vnf_world import QUICK, VnfWorld

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NAMESPACES
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.world import Lab, LabOptions


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share the session's loop, as they share the lab."""
    for item in items:
        if Path(__file__).parent in item.path.parents and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lab(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """The shared lab, with quick simulated parts."""
    options = LabOptions(operators=2, agents=False, timings=QUICK)  # what the operator sees by itself
    async with await Lab.start(tmp_path_factory.mktemp("lab"), options, assets=assets) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def world(lab: Lab) -> AsyncIterator[VnfWorld]:
    """The lab as one test sees it."""
    namespace = f"vnf-{secrets.token_hex(4)}"
    async with await KubeClient.connect(str(lab.plane.kubeconfig), user_agent="test") as client:
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        world = VnfWorld(lab, client, namespace)
        yield world
        await world.sweep()
