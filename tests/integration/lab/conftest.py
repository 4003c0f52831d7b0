"""A simulated NFVI on the shared control plane, with fast delays, and a namespace per test."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from nfvi_world import FAST, World, eventually

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NAMESPACES, NODES, VMIS
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.crds import kubevirt_crds
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.nfvi import Nfvi
from nfvi_ha.lab.setup import apply_objects


@pytest_asyncio.fixture
async def world(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[World]:
    """Two hypervisors of four cores and 2 GiB."""
    nodes = [NodeSpec(f"hv-{index}", cpu="4", memory="2Gi") for index in (1, 2)]
    nfvi = Nfvi(tmp_path, control_plane.kubeconfig, nodes, FAST, seed=1)
    namespace = f"lab-{secrets.token_hex(4)}"
    async with await KubeClient.connect(str(control_plane.kubeconfig)) as client:
        await apply_objects(client, kubevirt_crds())
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        try:
            await nfvi.start(client)
            yield World(client, nfvi, namespace)
            await _sweep(client, namespace)
        finally:
            await nfvi.stop()
            await client.delete(NAMESPACES, namespace)
            for node in nodes:
                await client.delete(NODES, node.name)


async def _sweep(client: KubeClient, namespace: str) -> None:
    """Delete what the test left, while there still is a controller that takes the finalizers off."""
    for vmi in await client.list(VMIS, namespace):
        await client.delete(VMIS, vmi["metadata"]["name"], namespace)

    async def none_left() -> bool:
        return not await client.list(VMIS, namespace)

    await eventually(none_left, "all VMIs gone", 20.0, str)
