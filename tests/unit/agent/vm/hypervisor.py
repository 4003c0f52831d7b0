"""A hypervisor of a test: real processes in a directory shaped as the lab's node, and a VM probe that watches them."""

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.vm.metrics import VmMetrics
from nfvi_ha.agent.probes.vm.probe import VmProbe
from nfvi_ha.agent.probes.vm.settings import VmProbeSettings
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.wire.inventory import VmEntry
from nfvi_ha.core.wire.local_fault import LocalFault, unpack
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.lab.hypervisor.machines import LAUNCHER, PROCS, QEMU, qemu_command
from nfvi_ha.lab.hypervisor.standin import install_standin

NODE = "worker-1"
BOOT = "11111111-2222-3333-4444-555555555555"
PATIENCE_SECONDS = 20.0
NAMESPACE = "default"


async def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - any condition
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


class Vm:
    """A pod with a launcher and a qemu."""

    def __init__(self, name: str, pod: str, directory: Path) -> None:
        self.name = name
        self.uid = f"uid-{name}"
        self.pod = pod
        self.directory = directory
        self.processes: list[subprocess.Popen[bytes]] = []
        self.launcher: subprocess.Popen[bytes] | None = None
        self.qemu: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.qemu is not None
        return self.qemu.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def list_pids(self) -> None:
        pids = [str(process.pid) for process in self.processes]
        (self.directory / PROCS).write_text("".join(f"{pid}\n" for pid in pids))

    def reaped(self) -> int:
        assert self.qemu is not None
        return self.qemu.wait(10)

    def end(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(10)


class Hypervisor:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = {name: install_standin(root / "bin" / name) for name in (QEMU, LAUNCHER)}
        self.vms: dict[str, Vm] = {}
        self.inventory: tuple[VmEntry, ...] = ()
        self.sets: list[tuple[LocalFault, ...]] = []
        self.metrics = VmMetrics(CollectorRegistry())
        self.memory = Memory(BOOT)
        self._task: asyncio.Task[None] | None = None

    # --- VMs
    def pod(self, name: str, uid: str | None = None) -> Vm:
        uid = uid or str(uuid.uuid4())
        directory = self.root / "kubepods" / "burstable" / f"pod{uid}" / "c0ffee"
        directory.mkdir(parents=True, exist_ok=True)
        vm = self.vms[f"{name}/{uid}"] = Vm(name, uid, directory)
        return vm

    def start(self, name: str, *, launcher: bool = True, body: str = "", uid: str | None = None) -> Vm:
        """A VM; with ``body`` its qemu is a Python program of that text."""
        vm = self.pod(name, uid)
        if launcher:
            self.start_launcher(vm)
        self.start_qemu(vm, body)
        return vm

    def start_launcher(self, vm: Vm) -> None:
        argv = ["/usr/bin/virt-launcher", "--name", vm.name, "--uid", vm.uid, "--namespace", NAMESPACE]
        vm.launcher = self._spawn(vm, self.programs[LAUNCHER], argv)

    def start_qemu(self, vm: Vm, body: str = "") -> None:
        argv = qemu_command(NAMESPACE, vm.name, str(uuid.uuid4()), 64)
        program = self.programs[QEMU]
        if body:
            script = vm.directory / "body.py"
            script.write_text(body)
            program = self.root / "python" / QEMU
            program.parent.mkdir(exist_ok=True)
            if not program.exists():
                program.symlink_to(os.path.realpath(sys.executable))
            argv = [argv[0], "-S", str(script), *argv[1:]]
        vm.qemu = self._spawn(vm, program, argv)

    def _spawn(self, vm: Vm, program: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        env = {"PYTHONHOME": sys.base_prefix}
        process = subprocess.Popen(argv, executable=program, cwd=vm.directory, env=env, stdout=subprocess.DEVNULL)
        vm.processes.append(process)
        vm.list_pids()
        return process

    # --- the probe
    def probe(self, client: KubeClient | None = None, **settings: Any) -> None:
        """Start it."""
        fields = {"cgroups": "directory", "rescan_ms": 100, **settings}
        probe = VmProbe(
            NODE, BOOT, VmProbeSettings(**fields), self.root, Path("/proc"), self.root, client, self.metrics
        )
        loop = asyncio.get_running_loop()
        table = FaultTable(
            self.memory,
            room=1200,
            tell=lambda telling: self.sets.append(unpack(telling.blob)),
            save=lambda: None,
            soon=loop.call_soon,
        )
        self.table = table
        self._task = loop.create_task(probe.run(table, InventoryBook(self._inventory, loop.call_soon)))

    async def stop_probe(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        await self.stop_probe()
        for vm in self.vms.values():
            vm.end()

    def _inventory(self, entries: tuple[VmEntry, ...]) -> None:
        self.inventory = entries

    async def watched(self, *vms: Vm) -> None:
        """Wait until it watches these VMs and no others."""
        wanted = {vm.uid for vm in vms}

        def there() -> bool:
            self._check()
            return {entry.uid for entry in self.inventory} == wanted

        await until(there, f"{wanted} are watched")

    def faults(self, kind: FaultKind = FaultKind.VM_FAILED) -> tuple[LocalFault, ...]:
        self._check()
        last = self.sets[-1] if self.sets else ()
        return tuple(fault for fault in last if fault.kind is kind)

    async def fault(self, kind: FaultKind = FaultKind.VM_FAILED) -> LocalFault:
        await until(lambda: bool(self.faults(kind)), f"{kind} is reported")
        return self.faults(kind)[0]

    async def proven(self) -> LocalFault:
        await until(lambda: any(fault.proof for fault in self.faults()), "the end is proven")
        return self.faults()[0]

    async def on_disk(self, name: str, text: str) -> None:
        file = self.root / name
        await until(lambda: file.exists() and text in file.read_text(), f"{name} has {text}")

    def decisions(self) -> dict[str, float]:
        """How many ends were decided, by word."""
        (family,) = self.metrics._ends.collect()
        return {sample.labels["decision"]: sample.value for sample in family.samples if sample.name.endswith("_total")}

    async def decided(self, decision: str) -> None:
        await until(lambda: decision in self.decisions(), f"{decision} is decided, not {self.decisions()}")

    def _check(self) -> None:
        if self._task is not None and self._task.done():
            self._task.result()
