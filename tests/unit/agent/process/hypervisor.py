"""A hypervisor of a test with real daemons, and a process probe that watches them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.process.metrics import ProcessMetrics
from nfvi_ha.agent.probes.process.probe import ProcessProbe
from nfvi_ha.agent.probes.process.settings import read_settings
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.wire.local_fault import LocalFault, unpack
from nfvi_ha.kube.client import KubeClient
from tests.unit.agent.vm.hypervisor import BOOT, NODE, until

FAKE = Path(__file__).with_name("fake_daemon.py")


class FakeDaemon:
    def __init__(self, program: Path, kind: str, address: str) -> None:
        self._argv = [str(program), kind, address]
        self.process = subprocess.Popen(self._argv)

    def start_again(self) -> None:
        self.process.wait(10)
        self.process = subprocess.Popen(self._argv)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)


class Hypervisor:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.daemons: list[FakeDaemon] = []
        self.registry = CollectorRegistry()
        self.metrics = ProcessMetrics(self.registry)
        self.memory = Memory(BOOT)
        self.told: list[tuple[LocalFault, ...]] = []
        self._task: asyncio.Task[None] | None = None

    def program(self, name: str) -> Path:
        """A program that the process table shows under that name."""
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
        program.chmod(0o755)
        return program

    def start(self, name: str, kind: str = "none", address: str = "") -> FakeDaemon:
        daemon = FakeDaemon(self.program(name), kind, address or str(self.root / f"{name}.sock"))
        self.daemons.append(daemon)
        return daemon

    def probe(self, *listed: dict[str, Any], client: KubeClient | None = None, **settings: Any) -> None:
        raw = {"scope": "group", "builtInProcesses": False, "watchedProcesses": listed, "rescanMs": 200, **settings}
        probe = ProcessProbe(NODE, BOOT, read_settings(raw), self.root, Path("/proc"), client, self.metrics)
        loop = asyncio.get_running_loop()
        table = FaultTable(
            self.memory,
            room=1200,
            tell=lambda telling: self.told.append(unpack(telling.blob)),
            save=lambda: None,
            soon=loop.call_soon,
        )
        self._task = loop.create_task(probe.run(table, InventoryBook(lambda _entries: None, loop.call_soon)))

    async def stop_probe(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        await self.stop_probe()
        for daemon in self.daemons:
            daemon.end()

    def watched(self, name: str) -> float:
        self.check()
        return self.registry.get_sample_value("nfvi_ha_agent_process_watched", {"name": name}) or 0

    def unanswered(self, name: str, reason: str) -> float:
        labels = {"name": name, "reason": reason}
        return self.registry.get_sample_value("nfvi_ha_agent_process_unanswered", labels) or 0

    async def until_watched(self, name: str, count: int = 1) -> None:
        await until(lambda: self.watched(name) == count, f"{count} of {name} are watched")

    async def until_answered(self, name: str) -> None:
        """Its answers are on disk: it is known to have answered."""
        file = self.root / "processes.json"
        await until(lambda: file.exists() and f'"answered":["{name}"' in file.read_text(), f"{name} answers")

    def faults(self, kind: FaultKind) -> tuple[LocalFault, ...]:
        self.check()
        return tuple(fault for fault in (self.told[-1] if self.told else ()) if fault.kind is kind)

    async def fault(self, kind: FaultKind) -> LocalFault:
        await until(lambda: bool(self.faults(kind)), f"{kind} is told")
        return self.faults(kind)[0]

    async def well(self, kind: FaultKind) -> None:
        await until(lambda: not self.faults(kind), f"{kind} is over")

    def check(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def entry(name: str, hang: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    fields = {"name": name, "match": {"executable": name}, **more}
    return fields if hang is None else {**fields, "hang": hang}
