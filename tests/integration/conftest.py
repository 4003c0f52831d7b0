"""One real control plane for the whole run. Without one these tests fail: a skip would look like success."""

import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NAMESPACES
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.kubectl import Kubectl

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.integration)
        if item.get_closest_marker("timeout") is None:
            # The first test's fixtures may build a control plane; that takes minutes and bounds itself.
            item.add_marker(pytest.mark.timeout(120, func_only=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """The control plane that tests share. Do not stop or pause it: start one of your own for that."""
    async with await ControlPlane.start(assets=assets) as plane:
        yield plane


@pytest_asyncio.fixture
async def kube(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    """A client that may do everything."""
    async with await KubeClient.connect(str(control_plane.kubeconfig)) as client:
        yield client


@pytest_asyncio.fixture
async def namespace(kube: KubeClient) -> AsyncIterator[str]:
    """A namespace of the test's own, deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    await kube.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await kube.delete(NAMESPACES, name)


@pytest.fixture
def kubectl(control_plane: ControlPlane) -> Kubectl:
    """Runs kubectl as administrator."""
    return control_plane.kubectl
