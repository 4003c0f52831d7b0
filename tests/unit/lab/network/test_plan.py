"""Who has which address, and the program that loses packets."""

from itertools import combinations

import pytest

from nfvi_ha.lab.network import loss
from nfvi_ha.lab.network.peek import samples
from nfvi_ha.lab.network.plan import BEAT_NETWORKS, LINKS, RELAY_NUMBER, Host, Mode
from nfvi_ha.lab.world import LabOptions


@pytest.mark.parametrize("mode", list(Mode))
def test_no_two_hosts_share_an_address(mode: Mode) -> None:
    hosts = LabOptions(hypervisors=50).hosts()
    assert {host.name for host in hosts} >= {"sentinel-0", "sentinel-2", "hypervisor-1", "hypervisor-50"}
    numbers = [RELAY_NUMBER, *(host.number for host in hosts)]
    addresses = [link.address(number, mode) for link in LINKS for number in numbers]
    assert len(set(addresses)) == len(addresses)


def test_addresses_in_namespaces_are_those_for_tests_of_network_devices() -> None:
    for host in LabOptions(hypervisors=50).hosts():
        assert all(address.startswith(("198.18.", "198.19.")) for address in host.addresses(Mode.NAMESPACES).values())


def test_addresses_without_namespaces_are_of_the_loopback() -> None:
    for host in LabOptions(hypervisors=50).hosts():
        assert all(address.startswith("127.") for address in host.addresses(Mode.LOOPBACK).values())
        assert "127.0.0.1" not in host.addresses(Mode.LOOPBACK).values()


def test_each_beat_network_has_a_switch_of_its_own() -> None:
    assert all(one.switch != other.switch for one, other in combinations(BEAT_NETWORKS.values(), 2))


def test_without_agents_no_sentinel_has_a_host() -> None:
    assert [host.name for host in LabOptions(hypervisors=1, agents=False).hosts()] == ["hypervisor-1"]


def test_interface_names_fit_the_kernel() -> None:
    last = Host.hypervisor("hypervisor-50", 49)
    assert all(len(f"h{last.number}-{link.name}") <= 15 for link in LINKS)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        loss.load(share)


def test_samples_of_a_metric_are_read_by_label() -> None:
    text = '# HELP a_b x\na_b{state="Up"} 3.0\na_b{state="Failed"} 1.0\na_bc 7\nalone 2.5\n'
    assert samples(text, "a_b") == {'state="Up"': 3.0, 'state="Failed"': 1.0}
    assert samples(text, "alone") == {"": 2.5}
    assert samples(text, "nothing") == {}
