"""A control plane of these tests' own (one of them stops it), with the kinds and the keys; a namespace per test."""

import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from scribe_world import ScribeWorld

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NAMESPACES, SECRETS
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.setup import apply_crds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share the session's loop, as they share the control plane."""
    for item in items:
        if Path(__file__).parent in item.path.parents and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """One with our kinds and KubeVirt's."""
    async with await ControlPlane.start(assets=assets) as running:
        async with await KubeClient.connect(str(running.kubeconfig)) as client:
            await apply_crds(client)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def world(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[ScribeWorld]:
    """A system namespace with the keys, as the operator makes them, and nodes of the test's own."""
    namespace = f"system-{secrets.token_hex(4)}"
    async with await KubeClient.connect(str(plane.kubeconfig), user_agent="test") as client:
        await client.create(NAMESPACES, {"metadata": {"name": namespace}})
        world = ScribeWorld(plane, client, namespace, tmp_path)
        seal, master, vote = (b64encode(secrets.token_bytes(32)).decode() for _ in range(3))
        await client.create(SECRETS, {"metadata": {"name": "nfvi-ha-incident-key"}, "data": {"k1": seal}}, namespace)
        beats = {"master-1": master, "vote": vote}
        await client.create(SECRETS, {"metadata": {"name": "nfvi-ha-beat-keys"}, "data": beats}, namespace)
        yield world
        await world.sweep()
