"""The whole probe on files that a test writes; its questions go over the loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.agent.faults import FaultTable, Telling
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.agent.probes.link.cluster import ClusterName
from nfvi_ha.agent.probes.link.metrics import LinkMetrics
from nfvi_ha.agent.probes.link.probe import LinkProbe
from nfvi_ha.agent.probes.link.settings import read_settings
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.wire.local_fault import LocalFault, unpack
from tests.unit.agent.link.fake_tree import FakeTree
from tests.unit.agent.link.test_echo import serve
from tests.unit.agent.waiting import eventually

LINK_DOWN = FaultKind.LINK_DOWN
DEGRADED = FaultKind.STORAGE_PATH_DEGRADED


class Table:
    def __init__(self) -> None:
        self.tellings: list[Telling] = []
        soon = asyncio.get_running_loop().call_soon
        self.table = FaultTable(Memory("boot"), room=1200, tell=self.tellings.append, save=lambda: None, soon=soon)

    @property
    def faults(self) -> dict[tuple[FaultKind, str], LocalFault]:
        faults = unpack(self.tellings[-1].blob) if self.tellings else ()
        return {(fault.kind, fault.component): fault for fault in faults}


@pytest.fixture
def fake(tmp_path: Path) -> FakeTree:
    return FakeTree(tmp_path)


@asynccontextmanager
async def probing(fake: FakeTree, raw: dict[str, Any], table: Table) -> AsyncIterator[CollectorRegistry]:
    registry = CollectorRegistry()
    cluster = ClusterName("edge-7", fake.sysfs)
    probe = LinkProbe(read_settings({"pollMs": 20, **raw}), cluster, fake.sysfs, fake.procfs, LinkMetrics(registry))
    inventory = InventoryBook(lambda *_: None, asyncio.get_running_loop().call_soon)
    task = asyncio.create_task(probe.run(table.table, inventory))
    yield registry
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def watched(registry: CollectorRegistry) -> set[str]:
    return {
        sample.labels["interface"]
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "nfvi_ha_agent_link_up"
    }


async def test_lost_carrier_is_seen_in_files_alone_and_cleared(fake: FakeTree) -> None:
    fake.adapter("eth0", "0000:3b:00.0")
    table = Table()
    async with probing(fake, {}, table) as registry:
        await eventually(lambda: watched(registry) == {"eth0"})
        fake.carrier("eth0", "0\n")
        await eventually(lambda: (LINK_DOWN, "link/eth0") in table.faults)
        fault = table.faults[LINK_DOWN, "link/eth0"]
        assert (fault.cause, fault.severity, fault.detail) == ("NoCarrier", Severity.MAJOR, "eth0 has no carrier")
        fake.carrier("eth0", "1\n")
        await eventually(lambda: not table.faults)


async def test_adapters_bonds_and_members_are_watched_by_default(fake: FakeTree) -> None:
    fake.adapter("eth0", "0000:3b:00.0")
    fake.adapter("eth1", "0000:3b:00.1", carrier="0\n")
    fake.adapter("usb0", "0000:00:14.0")
    fake.adapter("veth7", carrier="0\n")
    fake.adapter("ens1", carrier="0\n")
    fake.bond("bond0", "ens1")
    table = Table()
    async with probing(fake, {}, table) as registry:
        await eventually(lambda: watched(registry) == {"eth0", "eth1", "ens1", "bond0"})
        # A member is expected to be up, an adapter that never was is nobody's business.
        await eventually(lambda: set(table.faults) == {(LINK_DOWN, "link/ens1")})


async def test_adapter_that_was_down_before_a_restart_stays_down(fake: FakeTree) -> None:
    fake.adapter("eth0", "0000:3b:00.0", carrier="0\n")
    table = Table()
    observed = Observed(LINK_DOWN, "NoCarrier", Severity.MAJOR, component="link/eth0", detail="from before")
    table.table.put(FaultKey(LINK_DOWN, "link/eth0"), observed)
    table.table.memory.entries[FaultKey(LINK_DOWN, "link/eth0")].carried_over = True
    async with probing(fake, {}, table):
        await eventually(lambda: table.faults and table.faults[LINK_DOWN, "link/eth0"].detail == "eth0 has no carrier")
    assert not table.table.memory.entries[FaultKey(LINK_DOWN, "link/eth0")].carried_over


async def test_bond_that_fails_over_and_its_configuration(fake: FakeTree) -> None:
    server, target = await serve(lambda data: data)
    for name, pci in (("eth0", "0000:3b:00.0"), ("eth1", "0000:3b:00.1")):
        fake.adapter(name, pci)
    fake.bond("bond0", "eth0 eth1", active_slave="eth0")
    table = Table()
    path = {"name": "ceph", "bond": "bond0", "targets": [target.name]}
    async with probing(fake, {"storagePaths": [path]}, table) as registry:
        await eventually(lambda: (DEGRADED, "path/ceph/configuration") in table.faults)
        audited = table.faults[DEGRADED, "path/ceph/configuration"]
        assert (audited.cause, audited.severity) == ("NoRedundancy", Severity.WARNING)
        labels = {"path": "ceph", "target": target.name, "result": "answered"}
        await eventually(lambda: registry.get_sample_value("nfvi_ha_agent_link_path_probes_total", labels))
        fake.bond("bond0", "eth0 eth1", active_slave="eth1")
        fake.carrier("eth0", "0\n")
        await eventually(lambda: (DEGRADED, "path/ceph") in table.faults)
        assert table.faults[DEGRADED, "path/ceph"].cause == "MemberLost"
        assert table.faults[DEGRADED, "path/ceph"].detail.startswith("eth0 has no carrier; ")
        assert (LINK_DOWN, "link/eth0") in table.faults
        fake.carrier("eth1", "0\n")
        await eventually(lambda: (LINK_DOWN, "link/eth1") in table.faults)
        fake.carrier("eth0", "1\n")
        fake.carrier("eth1", "1\n")
        await eventually(lambda: set(table.faults) == {(DEGRADED, "path/ceph/configuration")})
    server.close()


async def test_bond_that_is_gone_is_a_dead_path(fake: FakeTree) -> None:
    table = Table()
    async with probing(fake, {"storagePaths": [{"name": "ceph", "bond": "bond7"}]}, table):
        await eventually(lambda: (FaultKind.STORAGE_PATH_FAILED, "path/ceph") in table.faults)
        assert table.faults[DEGRADED, "path/ceph/configuration"].cause == "NoRedundancy"
        assert table.faults[LINK_DOWN, "link/bond7"].cause == "Gone"


async def test_agents_are_asked_once_the_cluster_is_known(tmp_path: Path) -> None:
    name = ClusterName("", tmp_path)
    name.look()
    assert name.identity == b""
    (tmp_path / "keys.json").write_text("damaged")
    name.look()
    assert name.identity == b""
    (tmp_path / "keys.json").write_text('{"keys": {"1": "%s"}, "cluster": "edge-7"}' % ("00" * 32))
    name.look()
    assert name.identity == ClusterName("edge-7", tmp_path).identity
