"""The process of one hypervisor (``python -m nfvi_ha.lab.hypervisor``), leader of its process group.

Kubelet and virt-handler of the node run in it, launchers and VMs are its children. So SIGSTOP to this process alone
freezes the node's handlers while its VMs run on, and SIGKILL to the group is the loss of the hypervisor.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.recorder import EventRecorder
from nfvi_ha.lab import control
from nfvi_ha.lab.hypervisor.handler import VirtHandler
from nfvi_ha.lab.hypervisor.kubelet import Kubelet
from nfvi_ha.lab.hypervisor.machines import Machines
from nfvi_ha.lab.hypervisor.node import NodeAgent, NodeIdentity, NodeSpec
from nfvi_ha.lab.hypervisor.service import Service, run_service
from nfvi_ha.lab.timings import LabTimings


@dataclass(frozen=True, slots=True)
class HypervisorConfig:
    """What the process needs to know. ``seed`` makes its delays repeatable."""

    node: NodeSpec
    kubeconfig: Path
    directory: Path
    timings: LabTimings
    seed: int
    identity: NodeIdentity
    services: Sequence[Service]


async def run_hypervisor(config: HypervisorConfig) -> None:
    """Until cancelled; then all processes of the node are killed."""
    name, kubeconfig = config.node.name, str(config.kubeconfig)
    random = Random(f"{config.seed}/{name}")  # noqa: S311 - delays, not secrets
    machines = Machines(config.directory)
    async with (
        await KubeClient.connect(kubeconfig, user_agent="kubelet") as kubelet_client,
        await KubeClient.connect(kubeconfig, user_agent="virt-handler") as handler_client,
    ):
        recorder = EventRecorder(handler_client, "virt-handler", name)
        handler = VirtHandler(handler_client, recorder, name, machines, config.timings, random)
        kubelet = Kubelet(kubelet_client, name, machines, config.timings, random, handler.launcher_changed)
        agent = NodeAgent(kubelet_client, handler_client, config.node, config.identity, config.timings, random)
        try:
            async with (
                control.serve(config.directory, lambda request: _answer(handler, request)),
                asyncio.TaskGroup() as group,
            ):
                for service in config.services:
                    group.create_task(run_service(service, config.directory))
                await agent.register()
                for part in (recorder.run, kubelet.run, handler.run, agent.run):
                    group.create_task(part())
        finally:
            machines.kill_all()


async def _answer(handler: VirtHandler, request: dict[str, Any]) -> dict[str, Any]:
    match request["do"]:
        case "io-error" | "io-recovered" as what:
            if handler.set_io_error(request["vmi"], present=what == "io-error"):
                return {"done": True}
            return {"error": f"no VM of VMI {request['vmi']} here"}
        case other:
            return {"error": f"no such request: {other}"}
