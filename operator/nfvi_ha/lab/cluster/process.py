"""The process that plays the cluster's central parts (``python -m nfvi_ha.lab.cluster``)."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NODES, PODS
from nfvi_ha.lab.cluster.node_lifecycle import NodeLifecycle
from nfvi_ha.lab.cluster.scheduler import Scheduler
from nfvi_ha.lab.cluster.virt_controller import VirtController
from nfvi_ha.lab.objects import JsonObject, uid_of
from nfvi_ha.lab.timings import LabTimings
from nfvi_ha.lab.watched import Watched


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What the process needs to know."""

    kubeconfig: Path
    timings: LabTimings


async def run_cluster(config: ClusterConfig) -> None:
    """Scheduler, virt-controller and node lifecycle, until cancelled; each writes under its own field manager."""
    kubeconfig = str(config.kubeconfig)
    async with (
        await KubeClient.connect(kubeconfig, user_agent="kube-scheduler") as scheduling,
        await KubeClient.connect(kubeconfig, user_agent="virt-controller") as virt,
        await KubeClient.connect(kubeconfig, user_agent="node-controller") as nodes_client,
    ):
        scheduler = Scheduler(scheduling, _wall)
        controller = VirtController(virt, _wall)

        def pod_changed(pod: JsonObject) -> None:
            gone = pods.get(uid_of(pod)) is None
            scheduler.pod_changed(pod, gone=gone)
            controller.pod_changed(pod, gone=gone)

        def node_changed(node: JsonObject) -> None:
            scheduler.node_changed(node, gone=nodes.get(uid_of(node)) is None)

        pods = Watched(scheduling, PODS, on_change=pod_changed)
        nodes = Watched(scheduling, NODES, on_change=node_changed)
        lifecycle = NodeLifecycle(nodes_client, nodes, pods, config.timings, _wall)
        try:
            async with asyncio.TaskGroup() as group:
                for part in (nodes.run, pods.run, lifecycle.leases.run, lifecycle.run):
                    group.create_task(part())
                # Without all pods known, a VMI would seem to have lost its own.
                await pods.wait_synced()
                group.create_task(controller.run())
        finally:
            await scheduler.close()


def _wall() -> datetime:
    return datetime.now(UTC)
