"""A simulated NFVI on the shared control plane, with fast delays, and a namespace per test."""

import secrets
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nfvi_world import FAST, World, eventually

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NAMESPACES, NODES, VMIS
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.crds import kubevirt_crds
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.nfvi import Nfvi
from nfvi_ha.lab.setup import apply_objects

NODES_OF_TESTS = tuple(NodeSpec(f"hv-{index}", cpu="4", memory="2Gi") for index in (1, 2))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def nfvi(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nfvi]:
    """Two hypervisors of four cores and 2 GiB, shared by all tests here: leave them as they were."""
    nfvi = Nfvi(tmp_path_factory.mktemp("nfvi"), control_plane.kubeconfig, NODES_OF_TESTS, FAST, seed=1)
    async with await KubeClient.connect(str(control_plane.kubeconfig)) as client:
        await apply_objects(client, kubevirt_crds())
        try:
            await nfvi.start(client)
            yield nfvi
        finally:
            await nfvi.stop()
            for node in NODES_OF_TESTS:
                await client.delete(NODES, node.name)


@pytest_asyncio.fixture
async def world(control_plane: ControlPlane, nfvi: Nfvi) -> AsyncIterator[World]:
    """The NFVI with a namespace of the test's own."""
    namespace = f"lab-{secrets.token_hex(4)}"
    async with await KubeClient.connect(str(control_plane.kubeconfig)) as client:
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        yield World(client, nfvi, namespace)
        await _sweep(client, namespace)
        await client.delete(NAMESPACES, namespace)


async def _sweep(client: KubeClient, namespace: str) -> None:
    """Delete what the test left, while there still is a controller that takes the finalizers off."""
    for vmi in await client.list(VMIS, namespace):
        await client.delete(VMIS, vmi["metadata"]["name"], namespace)

    async def none_left() -> bool:
        return not await client.list(VMIS, namespace)

    await eventually(none_left, "all VMIs gone", 20.0, str)
