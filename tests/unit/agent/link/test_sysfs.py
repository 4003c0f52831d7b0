import errno
import os
from pathlib import Path

import pytest

from nfvi_ha.agent.probes.link.sysfs import NetTree
from nfvi_ha.core.links.bond import BondMember
from nfvi_ha.core.links.link_state import LinkState
from tests.unit.agent.link.fake_tree import FakeTree
from tests.unit.core.links.test_bond import ACTIVE_BACKUP, LACP


@pytest.fixture
def fake(tmp_path: Path) -> FakeTree:
    return FakeTree(tmp_path)


@pytest.fixture
def tree(fake: FakeTree) -> NetTree:
    return NetTree(fake.sysfs, fake.procfs)


def test_carrier_is_read(fake: FakeTree, tree: NetTree) -> None:
    fake.adapter("eth0")
    fake.adapter("eth1", carrier="0\n")
    assert [tree.state(name) for name in ("eth0", "eth1", "eth2")] == [
        LinkState.UP,
        LinkState.NO_CARRIER,
        LinkState.GONE,
    ]


@pytest.mark.parametrize(("number", "state"), [(errno.EINVAL, LinkState.SET_DOWN), (errno.ENODEV, LinkState.GONE)])
def test_kernel_that_refuses_to_read_a_carrier(
    tree: NetTree, monkeypatch: pytest.MonkeyPatch, number: int, state: LinkState
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "open", refuse)
    assert tree.state("eth0") is state


def test_only_hardware_is_an_adapter_and_a_virtual_function_is_not(fake: FakeTree, tree: NetTree) -> None:
    fake.adapter("eth0", "0000:3b:00.0")
    fake.adapter("eth0v1", "0000:3b:02.1", virtual_function=True)
    fake.adapter("veth12")
    assert [tree.is_adapter(name) for name in ("eth0", "eth0v1", "veth12", "eth9")] == [True, False, False, False]


def test_ports_of_one_card_have_one_address(fake: FakeTree, tree: NetTree) -> None:
    fake.adapter("eth0", "0000:3b:00.0")
    fake.adapter("eth1", "0000:3b:00.1")
    fake.adapter("veth0")
    assert [tree.adapter(name) for name in ("eth0", "eth1", "veth0")] == ["0000:3b:00", "0000:3b:00", ""]


def test_bond_with_arp_monitor(fake: FakeTree, tree: NetTree) -> None:
    fake.bond("bond0", "eth0 eth1", miimon="0", arp_interval="100", active_slave="eth1")
    fake.proc_bond("bond0", ACTIVE_BACKUP)
    bond = tree.bond("bond0")
    assert bond is not None
    assert (bond.mode, bond.miimon_ms, bond.arp_interval_ms, bond.active) == ("active-backup", 0, 100, "eth1")
    assert dict(bond.members) == {"eth0": BondMember(linked=False), "eth1": BondMember()}


def test_bond_with_lacp(fake: FakeTree, tree: NetTree) -> None:
    fake.bond("bond0", "eth0 eth1", mode="802.3ad 4", lacp_rate="fast 1", active_slave="")
    fake.proc_bond("bond0", LACP)
    bond = tree.bond("bond0")
    assert bond is not None
    assert (bond.mode, bond.fast_lacp, bond.active, bond.aggregator) == ("802.3ad", True, "", "1")
    assert bond.state_of("eth1", LinkState.UP) is LinkState.NOT_AGGREGATED


def test_bond_whose_proc_file_is_hidden_is_read_in_sysfs(fake: FakeTree, tree: NetTree) -> None:
    for name, status in (("eth0", "up"), ("eth1", "down")):
        fake.adapter(name)
        slave = fake.sysfs / "class" / "net" / name / "bonding_slave"
        slave.mkdir()
        (slave / "mii_status").write_text(f"{status}\n")
    fake.bond("bond0", "eth0 eth1")
    bond = tree.bond("bond0")
    assert bond is not None
    assert dict(bond.members) == {"eth0": BondMember(), "eth1": BondMember(linked=False)}


def test_other_interfaces_are_no_bonds(fake: FakeTree, tree: NetTree) -> None:
    fake.adapter("eth0")
    assert tree.bond("eth0") is None
    assert tree.bond("eth7") is None
