"""What the bench runs on: a control plane, our CRDs, a VIM receiver and the operators, but no hypervisors."""

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.lab.bench.part import Part
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.layout import Record
from nfvi_ha.lab.controlplane.progress import ProgressSink
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.operators import PORT_FILE, OperatorReplicas, Operators
from nfvi_ha.lab.processfile import PROCESS, read_identity
from nfvi_ha.lab.setup import apply_crds
from nfvi_ha.lab.vim import KEY_ID, register_endpoint
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings

EVENTS: Final = "nfvi_ha_informer_events_total"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything is running; ``operator_pid`` is the leader's."""

    client: KubeClient
    kubeconfig: Path
    kubernetes: str
    receiver: Receiver
    operator_pid: int
    operator_port: int
    relay: Part
    """Stands between operators and API server."""
    processes: dict[str, int]
    """Process ids of the control plane's parts by name."""

    def process(self, name: str) -> int:
        """Process id of a part of the control plane."""
        return self.processes[name]

    async def watch_events(self) -> float:
        """Watch events that the leader has received, bookmarks aside.

        Raises:
            LabFailed: it does not say.
        """
        url = f"http://127.0.0.1:{self.operator_port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            text = await response.text()
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == EVENTS and sample.labels["type"] != "BOOKMARK"
        ]
        if not found:
            raise LabFailed(f"the operator's /metrics has no {EVENTS}")
        return sum(found)


async def open_stage(
    stack: AsyncExitStack, directory: Path, assets: Assets, progress: ProgressSink, operators: int
) -> Stage:
    """Start it all; the stack ends it.

    Raises:
        ControlPlaneError: there is no control plane to be had, or it does not start.
        LabFailed: an operator does not start.
    """
    # Without its controller manager: on a real cluster its watches of everything are paid on other machines.
    plane = await ControlPlane.start(
        directory / "control-plane", assets=replace(assets, kube_controller_manager=None), log=progress
    )
    stack.push_async_callback(plane.stop)
    key = secrets.token_hex(32)
    receiver = Receiver(ReceiverSettings(keys={KEY_ID: key.encode()}))
    url = await receiver.start()
    stack.push_async_callback(receiver.stop)
    client = await KubeClient.connect(str(plane.kubeconfig), user_agent="nfvi-ha-bench")
    stack.push_async_callback(client.close)
    await apply_crds(client)
    await register_endpoint(client, url, key)
    relay, kubeconfig = await _relay(stack, plane, directory)
    replicas = Operators(directory / "operators", kubeconfig, operators)
    stack.push_async_callback(replicas.stop)
    progress("bench", f"starting {operators} operator(s)")
    await replicas.start()
    leader = await replicas.replicas.leader(client)
    record = Record.read(plane.layout)
    if leader is None or record is None:
        raise LabFailed("no operator leads, or the control plane left no record of its processes")
    return Stage(
        client=client,
        kubeconfig=plane.kubeconfig,
        kubernetes=plane.assets.version_text,
        receiver=receiver,
        relay=relay,
        operator_pid=_pid(replicas.replicas, leader),
        operator_port=int((replicas.replicas.root / leader / PORT_FILE).read_text()),
        processes={name: identity.pid for name, identity in record.processes.items()},
    )


async def _relay(stack: AsyncExitStack, plane: ControlPlane, directory: Path) -> tuple[Part, Path]:
    kubeconfig = directory / "relay.conf"
    arguments = [str(plane.ports.apiserver), str(plane.layout.pki), str(plane.kubeconfig), str(kubeconfig)]
    relay = await Part.start("nfvi_ha.lab.bench.relay", arguments, directory / "relay.log")
    stack.push_async_callback(relay.stop)
    await relay.ask("tell")
    return relay, kubeconfig


def _pid(replicas: OperatorReplicas, name: str) -> int:
    identity = read_identity(replicas.root / name / PROCESS)
    if identity is None:
        raise LabFailed(f"no process runs for {name}")
    return identity.pid
