"""The simulated NFVI as processes: one for the cluster's central parts, one process group per hypervisor."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import NODES
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.hypervisor.node import NodeSpec
from nfvi_ha.lab.network.plan import AGENT_PORT
from nfvi_ha.lab.objects import condition_of, name_of
from nfvi_ha.lab.processfile import PROCESS, read_identity, signal_process, write_identity
from nfvi_ha.lab.site import SYSFS, Boot, Site
from nfvi_ha.lab.timings import LabTimings

READY_SECONDS: Final = 60.0
CLUSTER: Final = "cluster"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The running hypervisors below a directory."""

    root: Path

    def directory(self, node: str) -> Path:
        """Where the node keeps its pods' directories and its control socket."""
        return self.root / "nodes" / node

    def running(self, node: str) -> bool:
        """Whether the hypervisor is on."""
        identity = read_identity(self.directory(node) / PROCESS)
        return identity is not None and identity.alive()

    def freeze(self, node: str) -> None:
        """SIGSTOP the node's kubelet and virt-handler; its VMs run on.

        Raises:
            LabFailed: the hypervisor does not run.
        """
        signal_process(self.directory(node) / PROCESS, signal.SIGSTOP)

    def unfreeze(self, node: str) -> None:
        """SIGCONT after ``freeze``.

        Raises:
            LabFailed: the hypervisor does not run.
        """
        signal_process(self.directory(node) / PROCESS, signal.SIGCONT)


class Nfvi:
    """Starts the processes below ``directory`` and ends them. All are children of this process and die with it."""

    def __init__(
        self,
        directory: Path,
        kubeconfig: Path,
        nodes: Sequence[NodeSpec],
        timings: LabTimings,
        *,
        seed: int,
        site: Site | None = None,
    ) -> None:
        self._directory = directory.resolve()
        self._site = site or Site()
        self._kubeconfig = kubeconfig.resolve()
        self.nodes = tuple(nodes)
        self.timings = timings
        self._seed = seed
        self._daemons: dict[str, Daemon] = {}

    @property
    def hypervisors(self) -> Mapping[str, Daemon]:
        """The hypervisor processes by node name."""
        return {name: daemon for name, daemon in self._daemons.items() if name != CLUSTER}

    @property
    def root(self) -> Path:
        """The directory that everything lies in."""
        return self._directory

    @property
    def hosts(self) -> Hosts:
        """The hypervisors as other processes of this machine can find them, too."""
        return Hosts(self._directory)

    async def start(self, client: KubeClient) -> None:
        """Start everything and wait until all nodes are Ready and take pods.

        Raises:
            LabFailed: a process ended, or the nodes were not Ready within a minute; its message has the log's end.
        """
        self._spawn(CLUSTER, "nfvi_ha.lab.cluster", {})
        for node in self.nodes:
            self.start_hypervisor(node)
        deadline = time.monotonic() + READY_SECONDS
        while not await self._all_ready(client):
            self._check_alive()
            if time.monotonic() > deadline:
                raise LabFailed(f"the hypervisors were not Ready within {READY_SECONDS:.0f} s\n{self._logs()}")
            await asyncio.sleep(0.1)

    def start_hypervisor(self, node: NodeSpec) -> None:
        """Start one hypervisor; each start is another boot."""
        directory = self.hosts.directory(node.name)
        (directory / SYSFS).mkdir(parents=True, exist_ok=True)
        boot = Boot(node.name, directory, str(uuid.uuid4()), self._site.address(node.name))
        values = {
            "node": node.to_json(),
            "directory": str(directory),
            "seed": self._seed,
            "address": boot.address,
            "bootID": boot.boot_id,
            "places": self._site.places(node.name),
            "agentPort": AGENT_PORT,
            "services": [service.to_json() for service in self._site.services(boot)],
            "kubeconfig": str(self._site.kubeconfig or self._kubeconfig),
        }
        self._spawn(node.name, "nfvi_ha.lab.hypervisor", values)

    def power_on(self, name: str) -> None:
        """Start a hypervisor that was switched off.

        Raises:
            LabFailed: there is no such hypervisor, or it runs.
        """
        node = next((node for node in self.nodes if node.name == name), None)
        if node is None:
            raise LabFailed(f"no hypervisor {name!r}; there are: {', '.join(node.name for node in self.nodes)}")
        if self._daemons[name].alive():
            raise LabFailed(f"{name} is not off")
        self.start_hypervisor(node)

    async def stop(self) -> None:
        """End all processes; VMs die with their hypervisors."""
        await asyncio.gather(*(daemon.stop(grace_seconds=0) for daemon in self._daemons.values()))
        self._daemons.clear()

    def _spawn(self, name: str, module: str, values: dict[str, Any]) -> None:
        directory = self._directory / "nfvi"
        directory.mkdir(parents=True, exist_ok=True)
        config = directory / f"{name}.json"
        values = {"kubeconfig": str(self._kubeconfig), **values, "timings": self.timings.to_json()}
        config.write_bytes(orjson.dumps(values))
        argv = [sys.executable, "-m", module, str(config)]
        if name != CLUSTER and self._site.network is not None:
            argv = self._site.network.command(name, argv, self.hosts.directory(name) / SYSFS)
        daemon = Daemon.spawn(name, argv, log=directory / f"{name}.log", cwd=directory, detach=False)
        self._daemons[name] = daemon
        if name != CLUSTER:
            write_identity(self.hosts.directory(name) / PROCESS, daemon.identity)

    async def _all_ready(self, client: KubeClient) -> bool:
        ready = {
            name_of(node)
            for node in await client.list(NODES)
            if (condition_of(node, "Ready") or {}).get("status") == "True"
            and not (node.get("spec") or {}).get("taints")
        }
        return ready >= {node.name for node in self.nodes}

    def _check_alive(self) -> None:
        dead = [name for name, daemon in self._daemons.items() if not daemon.alive()]
        if dead:
            raise LabFailed(f"process of {', '.join(dead)} ended\n{self._logs(dead)}")

    def _logs(self, names: Sequence[str] | None = None) -> str:
        chosen = names if names is not None else list(self._daemons)
        return "\n".join(f"--- {name}: {self._daemons[name].log}\n{self._daemons[name].log_tail(8)}" for name in chosen)
