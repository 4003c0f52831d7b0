"""The operator's replicas as real processes, started again when they end, as a kubelet would."""

import asyncio
import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import LEASES
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.processfile import PROCESS, held, hold, read_identity, release, signal_process, write_identity

log = logging.getLogger(__name__)

SYSTEM_NAMESPACE: Final = "nfvi-ha-system"
LEASE: Final = "nfvi-ha-operator"
READY_SECONDS: Final = 60.0
RESTART_SECONDS: Final = 1.0
PORT_FILE: Final = "port"


@dataclass(frozen=True, slots=True)
class OperatorReplicas:
    """The running replicas below a directory, as any process of this machine can find them."""

    root: Path

    def names(self) -> list[str]:
        """Identities of the replicas."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{PROCESS}"))

    def signal(self, name: str, number: signal.Signals) -> None:
        """SIGKILL, SIGSTOP or SIGCONT a replica.

        Raises:
            LabFailed: it does not run.
        """
        signal_process(self.root / name / PROCESS, number)

    def hold(self, name: str) -> None:
        """Once ended, it is not started again until ``release``."""
        hold(self.root / name / PROCESS)

    def release(self, name: str) -> None:
        """Let it be started again."""
        release(self.root / name / PROCESS)

    async def leader(self, client: KubeClient) -> str | None:
        """Identity of the replica that holds the Lease, None while nobody does."""
        try:
            lease = await client.get(LEASES, LEASE, SYSTEM_NAMESPACE)
        except NotFound:
            return None
        holder = str((lease.get("spec") or {}).get("holderIdentity") or "")
        return next((name for name in self.names() if holder == name or holder.startswith(f"{name}_")), None)

    async def not_ready(self) -> dict[str, str]:
        """Replicas that are not ready, each with the reason."""
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            states = {name: await self._state(session, name) for name in self.names()}
        return {name: state for name, state in states.items() if state}

    async def _state(self, session: aiohttp.ClientSession, name: str) -> str:
        directory = self.root / name
        identity = read_identity(directory / PROCESS)
        if identity is None or not identity.alive():
            return "its process has ended"
        try:
            port = int((directory / PORT_FILE).read_text())
            async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                return "" if response.status == 200 else (await response.text())[:500]
        except (OSError, ValueError, aiohttp.ClientError, TimeoutError) as error:
            return f"no answer: {error!r}"


class Operators:
    """Starts the replicas, keeps them running, and ends them."""

    def __init__(self, directory: Path, kubeconfig: Path, count: int) -> None:
        self.replicas = OperatorReplicas(directory.resolve())
        self._kubeconfig = kubeconfig.resolve()
        self._names = [f"operator-{index}" for index in range(count)]
        self._daemons: dict[str, Daemon] = {}
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start all and wait until they are ready.

        Raises:
            LabFailed: one ended, or they were not ready within a minute; its message has the end of a log.
        """
        for name in self._names:
            self._spawn(name)
        deadline = time.monotonic() + READY_SECONDS
        while waiting := await self.replicas.not_ready():
            ended = [name for name, daemon in self._daemons.items() if not daemon.alive()]
            if ended or time.monotonic() > deadline:
                name = ended[0] if ended else next(iter(waiting))
                tail = self._daemons[name].log_tail(12)
                raise LabFailed(f"{name} did not become ready ({waiting.get(name, 'its process has ended')})\n{tail}")
            await asyncio.sleep(0.1)
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """SIGTERM all; who does not end in 8 s is killed."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await asyncio.gather(*(daemon.stop(grace_seconds=8.0) for daemon in self._daemons.values()))
        self._daemons.clear()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            for name, daemon in list(self._daemons.items()):
                if not daemon.alive() and not held(self.replicas.root / name / PROCESS):
                    log.info("%s ended and is started again", name)
                    self._spawn(name)

    def _spawn(self, name: str) -> None:
        directory = self.replicas.root / name
        directory.mkdir(parents=True, exist_ok=True)
        port_file = directory / PORT_FILE
        port_file.unlink(missing_ok=True)
        argv = [
            sys.executable, "-m", "nfvi_ha", "operator", "run",
            "--kubeconfig", str(self._kubeconfig),
            "--namespace", SYSTEM_NAMESPACE,
            "--identity", name,
            "--cluster", "lab",
            "--host", "127.0.0.1",
            "--port", "0",
            "--port-file", str(port_file),
        ]  # fmt: skip
        daemon = Daemon.spawn(name, argv, log=directory / "operator.log", cwd=directory, detach=False)
        self._daemons[name] = daemon
        write_identity(directory / PROCESS, daemon.identity)
