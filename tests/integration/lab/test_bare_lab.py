"""Agents, sentinels, networks and delivery without Kubernetes: hosts that die, and look-alikes that do not."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from test_end_of_lab import none_left

from nfvi_ha.lab.agents import AGENT
from nfvi_ha.lab.bare import BareLab
from nfvi_ha.lab.soak import SoakOptions, run_soak
from nfvi_ha.reporting.receiver.record import Record

pytestmark = pytest.mark.timeout(240)


class Told:
    """What the VIM was told, as it comes."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, record: Record, _: float | None) -> None:
        self.records.append(record)

    def kinds(self, state: str = "raised") -> set[tuple[str, str]]:
        """Kind and subject of what was told."""
        return {(item.data["kind"], item.subject) for item in self.records if item.data.get("state") == state}

    async def until(self, kind: str, subject: str, state: str = "raised") -> Record:
        deadline = time.monotonic() + 20.0
        while True:
            for record in self.records:
                if (record.data["kind"], record.subject, record.data["state"]) == (kind, subject, state):
                    return record
            assert time.monotonic() < deadline, f"not told: {kind} {state} of {subject}; told: {self.kinds()}"
            await asyncio.sleep(0.02)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest_asyncio.fixture
async def lab(tmp_path: Path, told: Told) -> AsyncIterator[BareLab]:
    async with await BareLab.start(tmp_path, 4, told.add) as running:
        yield running
    await none_left(tmp_path)


async def test_a_host_without_power_is_told_as_failed_and_nobody_else(lab: BareLab, told: Told) -> None:
    injection = await lab.faults.power_off("hypervisor-2")
    record = await told.until("hypervisor.failed", "Hypervisor/hypervisor-2")
    assert record.verified
    assert 300 < (record.received_monotonic_ns - injection.at) / 1e6 < 5000  # a bound, no measure
    assert told.kinds() == {("hypervisor.failed", "Hypervisor/hypervisor-2")}


async def test_a_host_without_processes_is_hung_not_silent(lab: BareLab, told: Told) -> None:
    await lab.faults.kill_userspace("hypervisor-3")
    record = await told.until("hypervisor.failed", "Hypervisor/hypervisor-3")
    assert record.data["cause"] == "Hung"


async def test_a_stopped_agent_is_lost_and_its_host_is_not(lab: BareLab, told: Told) -> None:
    lab.faults.signal_service("hypervisor-1", AGENT, signal.SIGSTOP)
    await told.until("agent.lost", "Hypervisor/hypervisor-1")
    lab.faults.signal_service("hypervisor-1", AGENT, signal.SIGCONT)
    await told.until("agent.lost", "Hypervisor/hypervisor-1", "cleared")
    assert told.kinds() == {("agent.lost", "Hypervisor/hypervisor-1")}


async def test_a_cut_network_is_a_failed_network(lab: BareLab, told: Told) -> None:
    await lab.faults.cut(["hypervisor-4"], ["mgmt"])
    await told.until("hypervisor.network.failed", "HypervisorComponent/hypervisor-4/network/mgmt")
    await lab.faults.mend(["hypervisor-4"], ["mgmt"])
    await told.until("hypervisor.network.failed", "HypervisorComponent/hypervisor-4/network/mgmt", "cleared")
    assert "hypervisor.failed" not in {kind for kind, _ in told.kinds()}


async def test_a_dead_host_is_told_though_a_sentinel_dies_with_it(lab: BareLab, told: Told) -> None:
    lab.sentinels.seats.hold(0)
    lab.sentinels.seats.signal(0, signal.SIGKILL)
    await lab.faults.power_off("hypervisor-1")
    await told.until("hypervisor.failed", "Hypervisor/hypervisor-1")


@pytest.mark.timeout(300)
async def test_a_short_soak_sees_no_dead_host_and_then_the_one_that_is(tmp_path: Path) -> None:
    said: list[str] = []
    result = await run_soak(SoakOptions(minutes=0.3, hypervisors=6, burn=2), tmp_path, said.append)
    assert result["passed"], result
    assert result["made"] == {"burst": 1, "agent": 2, "sentinel": 6}
    assert 300 < result["power_off_notified_ms"] < 5000
    await none_left(tmp_path)
