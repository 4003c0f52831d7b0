import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.hardware import notebook
from nfvi_ha.agent.probes.hardware.metrics import MOST_SERIES, HardwareMetrics
from nfvi_ha.agent.probes.hardware.notebook import Notebook
from nfvi_ha.agent.probes.hardware.probe import NOTES_FILE, HardwareProbe
from nfvi_ha.agent.probes.hardware.settings import read_settings
from nfvi_ha.core.fault import FaultKind, Severity
from tests.unit.agent.hardware.fake_host import FakeHost
from tests.unit.agent.waiting import eventually

NO_LOG = "/nowhere/kmsg"
QUICK = {
    "memoryMs": 100,
    "pcieMs": 100,
    "temperatureMs": 100,
    "throttlingMs": 100,
    "diskStateMs": 100,
    "diskHealthMs": 100,
    "adapterMs": 100,
    "smartctl": [],
    "nvme": [],
    "kmsgPath": NO_LOG,
}


class Watched:
    def __init__(self, host: FakeHost, state: Path, **settings: Any) -> None:
        self.registry = CollectorRegistry()
        state.mkdir(exist_ok=True)
        self.notes = state / NOTES_FILE
        self.probe = HardwareProbe(
            read_settings({**QUICK, **settings}),
            host.root,
            Path(NO_LOG),
            Notebook(self.notes, "boot"),
            HardwareMetrics(self.registry),
        )
        loop = asyncio.get_running_loop()
        self.table = FaultTable(
            Memory("boot"), room=1000, tell=lambda telling: None, save=lambda: None, soon=loop.call_soon
        )

    def faults(self) -> dict[str, tuple[str, bool]]:
        return {
            entry.observed.component: (entry.observed.cause, entry.is_event)
            for entry in self.table.memory.entries.values()
        }

    def has(self, component: str) -> bool:
        return component in self.faults()

    def looks(self) -> bool:
        return self.registry.get_sample_value("nfvi_ha_agent_hardware_look_seconds", {"source": "pcie"}) is not None


@asynccontextmanager
async def running(host: FakeHost, state: Path, **settings: Any) -> AsyncIterator[Watched]:
    watched = Watched(host, state, **settings)
    inventory = InventoryBook(lambda *_: None, asyncio.get_running_loop().call_soon)
    task = asyncio.ensure_future(watched.probe.run(watched.table, inventory))
    try:
        await eventually(watched.looks)
        yield watched
        assert not task.done()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_an_uncorrected_error_becomes_an_event_of_its_dimm(host: FakeHost, tmp_path: Path) -> None:
    host.dimm()
    async with running(host, tmp_path / "state") as watched:
        host.dimm(ue=1)
        await eventually(lambda: watched.has("memory/mc0/dimm0"))

        assert watched.faults() == {"memory/mc0/dimm0": ("MemoryUncorrected", True)}
        (entry,) = watched.table.memory.entries.values()
        assert (entry.observed.kind, entry.observed.severity) == (FaultKind.HARDWARE_FAILED, Severity.CRITICAL)
        labels = {"rule": "MemoryUncorrected", "component": "memory/mc0/dimm0"}
        assert watched.registry.get_sample_value("nfvi_ha_agent_hardware_errors_total", labels) == 1


async def test_corrected_errors_become_a_prediction(host: FakeHost, tmp_path: Path) -> None:
    host.dimm()
    async with running(host, tmp_path / "state") as watched:
        host.dimm(ce=11)
        await eventually(lambda: watched.has("memory/mc0/dimm0"))

        (entry,) = watched.table.memory.entries.values()
        assert (entry.observed.kind, entry.observed.severity) == (FaultKind.HARDWARE_DEGRADED, Severity.WARNING)
        assert "replace it at the next maintenance" in entry.observed.detail


async def test_each_source_is_watched(host: FakeHost, tmp_path: Path) -> None:
    host.pci()
    host.sensor(50.0)
    host.cpu(0, 0)
    host.disk("sda")
    host.nic()
    async with running(host, tmp_path / "state") as watched:
        read = watched.registry.get_sample_value
        for source in ("temperature", "throttling", "adapters", "disks"):
            await eventually(lambda of=source: read("nfvi_ha_agent_hardware_look_seconds", {"source": of}) is not None)
        host.pci(fatal=1)
        host.sensor(99.0)
        host.cpu(0, 50)
        host.disk("sda", "offline")
        host.nic(crc=500, errors=5000, changes=40)
        wanted = {
            "pci/0000:3b:00.0",
            "thermal/coretemp/temp1",
            "thermal/coretemp/temp1/critical",
            "cpu/package0/throttled",
            "disk/sda",
            "nic/eth0/crc",
            "nic/eth0/errors",
            "nic/eth0/flapping",
        }
        await eventually(lambda: wanted <= watched.faults().keys())
        host.sensor(50.0)
        host.disk("sda")
        await eventually(lambda: not watched.has("disk/sda") and not watched.has("thermal/coretemp/temp1/critical"))


async def test_a_restart_keeps_what_stands_and_tells_what_came_meanwhile(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "WRITE_SECONDS", 0.05)
    host.dimm()
    host.dimm(dimm="dimm1")
    async with running(host, tmp_path / "state") as first:
        host.dimm(ue=1)
        host.dimm(ce=11, dimm="dimm1")
        host.controller(11, 1)
        await eventually(lambda: first.has("memory/mc0/dimm0") and first.has("memory/mc0/dimm1"))
        await eventually(lambda: first.notes.exists() and "MemoryCorrected" in first.notes.read_text())
    host.dimm(ue=1, dimm="dimm1", ce=11)
    host.controller(11, 2)

    async with running(host, tmp_path / "state") as second:
        kinds = {(key.kind, key.on) for key in second.table.memory.entries}

    assert kinds == {
        (FaultKind.HARDWARE_DEGRADED, "memory/mc0/dimm1"),
        (FaultKind.HARDWARE_FAILED, "memory/mc0/dimm1"),
    }


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"bootId": "boot"}', '{"bootId": "boot", "counters": 3}'])
async def test_damaged_notes_do_not_keep_it_from_looking(host: FakeHost, tmp_path: Path, notes: str) -> None:
    host.dimm()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / NOTES_FILE).write_text(notes)
    async with running(host, tmp_path / "state") as watched:
        host.dimm(ue=1)
        await eventually(lambda: watched.has("memory/mc0/dimm0"))


async def test_a_line_in_the_real_log_becomes_a_fault(host: FakeHost, tmp_path: Path) -> None:
    """In test mode, for the kernel gives what programs write another facility than its own."""
    try:
        writer = os.open("/dev/kmsg", os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"/dev/kmsg cannot be written here: {error}")
    settings = {"kmsgPath": "/dev/kmsg", "kernelLogFacility": 1, "lookBack": False}
    try:
        async with running(host, tmp_path / "state", **settings) as watched:
            await eventually(lambda: watched.registry.get_sample_value("nfvi_ha_agent_hardware_kernel_log") == 1)
            os.write(writer, b"<10>EDAC MC77: 1 UE memory read error on DIMM_TEST (nfvi-ha test)\n")
            await eventually(lambda: watched.has("memory/mc77"))
            assert watched.faults()["memory/mc77"] == ("EdacUncorrected", True)
    finally:
        os.close(writer)


async def test_a_line_about_a_counter_that_is_read_makes_it_look_and_is_not_told_twice(
    host: FakeHost, tmp_path: Path
) -> None:
    try:
        writer = os.open("/dev/kmsg", os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"/dev/kmsg cannot be written here: {error}")
    host.dimm(mc="mc78")
    slow = {"memoryMs": 3_600_000, "pcieMs": 3_600_000}
    settings = {"kmsgPath": "/dev/kmsg", "kernelLogFacility": 1, "lookBack": False, **slow}
    try:
        async with running(host, tmp_path / "state", **settings) as watched:
            await eventually(lambda: watched.registry.get_sample_value("nfvi_ha_agent_hardware_kernel_log") == 1)
            host.dimm(ue=1, mc="mc78")
            os.write(writer, b"<10>EDAC MC78: 1 UE memory read error on DIMM_TEST (nfvi-ha test)\n")
            await eventually(lambda: watched.has("memory/mc78/dimm0"))
            assert watched.faults() == {"memory/mc78/dimm0": ("MemoryUncorrected", True)}
    finally:
        os.close(writer)


def test_the_number_of_series_is_bounded() -> None:
    registry = CollectorRegistry()
    metrics = HardwareMetrics(registry)
    for number in range(MOST_SERIES + 200):
        metrics.seen("DiskIOError", f"disk/{number}/errors", 1)

    other = {"rule": "DiskIOError", "component": "other"}
    assert registry.get_sample_value("nfvi_ha_agent_hardware_errors_total", other) == 200


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"memoryMs": 1}, "probes.hardware.memoryMs"),
        ({"smart": ["x"]}, "probes.hardware.smart"),
        ({"rates": {"Nonsense": {"count": 1, "seconds": 1}}}, "'Nonsense' is no rule that has a rate"),
    ],
)
def test_wrong_settings_are_named(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_settings(raw)
