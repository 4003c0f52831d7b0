"""The hardware probe, put together: who is looked at how often, and what is told."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.probes.hardware.adapters import AdapterTree
from nfvi_ha.agent.probes.hardware.command import Commands
from nfvi_ha.agent.probes.hardware.disks import DiskDoctor, DiskTree
from nfvi_ha.agent.probes.hardware.edac import EdacTree
from nfvi_ha.agent.probes.hardware.heat import HeatTree
from nfvi_ha.agent.probes.hardware.kmsg import KernelLog
from nfvi_ha.agent.probes.hardware.log_watch import LogWatch
from nfvi_ha.agent.probes.hardware.metrics import HardwareMetrics
from nfvi_ha.agent.probes.hardware.notebook import Notebook
from nfvi_ha.agent.probes.hardware.pci import PciTree
from nfvi_ha.agent.probes.hardware.settings import HardwareProbeSettings, read_settings
from nfvi_ha.agent.probes.hardware.telling import tell
from nfvi_ha.core.hardware import adapter, disk_health, memory, temperature
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision
from nfvi_ha.core.hardware.pcie import PcieWatch
from nfvi_ha.core.hardware.rule import Source
from nfvi_ha.core.hardware.temperature import TemperatureWatch

log = logging.getLogger(__name__)

NOTES_FILE: Final = "hardware.json"
TICK_SECONDS: Final = 1.0
LOG_FIRST_SECONDS: Final = 0.02
"""Between a record of the log that says so and the look at its counter: the kernel writes first, then counts."""

T = TypeVar("T")


class HardwareProbe:
    """See ``agent.probe.Probe``."""

    name = "hardware"

    def __init__(
        self,
        settings: HardwareProbeSettings,
        sysfs_root: Path,
        kmsg_path: Path,
        notebook: Notebook,
        metrics: HardwareMetrics,
    ) -> None:
        self._settings = settings
        self._sysfs = settings.sysfs_root or sysfs_root
        self._kmsg = settings.kmsg_path or kmsg_path
        self._notebook = notebook
        self._metrics = metrics

    async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
        """Watch for ever."""
        del inventory
        life = _Life(self._settings, self._sysfs, self._metrics, table)
        last = life.restore(self._notebook.read())
        # Counters first: a line of the log is only an echo where its counter is read.
        life.look_at_counters()
        kernel_log = KernelLog(
            self._kmsg, last, life.log_watch.record, self._metrics, look_back=self._settings.look_back
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(life.watch())
                group.create_task(kernel_log.run())
                group.create_task(self._notebook.keep(lambda: {**life.book.to_json(), "sequence": kernel_log.last}))
        finally:
            life.close()


class _Life:
    """One life of the probe."""

    def __init__(
        self, settings: HardwareProbeSettings, sysfs: Path, metrics: HardwareMetrics, table: FaultTable
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._table = table
        self.book = HardwareBook(settings.rules(), metrics.seen)
        self.log_watch = LogWatch(self.book, settings.kernel_log_facility, self._look_now, self._tell, time.monotonic)
        self._edac, self._pci, self._heat = EdacTree(sysfs), PciTree(sysfs), HeatTree(sysfs)
        self._disks, self._adapters = DiskTree(sysfs), AdapterTree(sysfs)
        self._pcie, self._temperature = PcieWatch(self.book), TemperatureWatch(self.book)
        self._doctor = DiskDoctor(
            self._disks,
            Commands(settings.command_timeout_ms / 1000),
            settings.smartctl,
            settings.nvme,
            settings.device_root,
            metrics.command,
        )
        self._wanted = asyncio.Event()
        # Of our own: what hangs in a driver must not take the threads that the spool is written in.
        self._slow = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hardware")

    def restore(self, notes: dict[str, Any] | None) -> int | None:
        """Go on from the notes of an earlier process; returns the last record of the log that it read."""
        if notes is None:
            return None
        try:
            self._tell(self.book.restore(notes))
            sequence = notes["sequence"]
            return None if sequence is None else int(sequence)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            log.warning("notes on hardware are damaged", extra={"error": str(error)})
            return None

    async def watch(self) -> None:
        """Look at everything, each in its time."""
        settings = self._settings
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_counters())
            for milliseconds, look in (
                (settings.temperature_ms, self._look_at_temperatures),
                (settings.throttling_ms, self._look_at_throttling),
                (settings.disk_state_ms, self._look_at_disks),
                (settings.disk_health_ms, self._ask_disks),
                (settings.adapter_ms, self._look_at_adapters),
                (int(TICK_SECONDS * 1000), self._tick),
            ):
                group.create_task(_each(milliseconds / 1000, look))

    def look_at_counters(self, *, only_memory: bool = False) -> None:
        """Memory and, unless told otherwise, PCIe: these are read from memory, in microseconds."""
        now = time.monotonic()
        self._tell(memory.judge(self.book, self._edac.controllers(), now))
        self._metrics.looked("memory", time.monotonic() - now)
        if only_memory:
            return
        now = time.monotonic()
        self._tell(self._pcie.judge(self._pci.devices(), now))
        self._metrics.looked("pcie", time.monotonic() - now)

    def close(self) -> None:
        """Let threads go; one that hangs is not waited for."""
        self._slow.shutdown(wait=False, cancel_futures=True)

    async def _watch_counters(self) -> None:
        memory_due, pcie_due = 0.0, 0.0
        while True:
            now, wanted = time.monotonic(), self._wanted.is_set()
            self._wanted.clear()
            if wanted or now >= pcie_due:
                self.look_at_counters()
                memory_due, pcie_due = now + self._settings.memory_ms / 1000, now + self._settings.pcie_ms / 1000
            elif now >= memory_due:
                self.look_at_counters(only_memory=True)
                memory_due = now + self._settings.memory_ms / 1000
            try:
                async with asyncio.timeout(max(0.001, min(memory_due, pcie_due) - time.monotonic())):
                    await self._wanted.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(LOG_FIRST_SECONDS)

    async def _look_at_temperatures(self) -> None:
        self._tell(self._temperature.judge(await self._in_thread("temperature", self._heat.sensors)))

    async def _look_at_throttling(self) -> None:
        cpus = await self._in_thread("throttling", self._heat.throttles)
        self._tell(temperature.judge_throttling(self.book, cpus, time.monotonic()))

    async def _look_at_adapters(self) -> None:
        found = await self._in_thread("adapters", self._adapters.adapters)
        self._tell(adapter.judge(self.book, found, time.monotonic()))

    async def _look_at_disks(self) -> None:
        self._tell(self.book.present(Source.DISK_STATE, self._disks.offline()))

    async def _ask_disks(self) -> None:
        started = time.monotonic()
        found = await self._doctor.ask()
        self._metrics.looked("disks", time.monotonic() - started)
        self._tell(disk_health.judge(self.book, found, time.monotonic()))

    async def _tick(self) -> None:
        self._tell(self.book.tick(time.monotonic()))

    async def _in_thread(self, source: str, look: Callable[[], T]) -> T:
        started = time.monotonic()
        found = await asyncio.get_running_loop().run_in_executor(self._slow, look)
        self._metrics.looked(source, time.monotonic() - started)
        return found

    def _look_now(self) -> None:
        self._wanted.set()

    def _tell(self, decisions: Iterable[Decision]) -> None:
        tell(self._table, decisions)


async def _each(seconds: float, look: Callable[[], Awaitable[None]]) -> None:
    while True:
        await look()
        await asyncio.sleep(seconds)


def hardware_probe(config: AgentConfig, registry: CollectorRegistry) -> HardwareProbe:
    """The hardware probe of an agent.

    Raises:
        ValueError: a setting under ``probes.hardware`` is wrong.
        OSError: procfs has no boot id.
    """
    settings = read_settings(config.probes.get("hardware", {}))
    notebook = Notebook(config.state_dir / NOTES_FILE, config.read_boot_id())
    return HardwareProbe(settings, config.sysfs_root, config.kmsg_path, notebook, HardwareMetrics(registry))
