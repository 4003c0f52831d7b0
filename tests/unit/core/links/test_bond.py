"""Bonds as kernels show them. The texts are of Linux 6.1 (active-backup) and 5.14 (802.3ad)."""

import pytest

from nfvi_ha.core.links.bond import Bond, BondMember, parse_proc
from nfvi_ha.core.links.link_state import LinkState

ACTIVE_BACKUP = """\
Ethernet Channel Bonding Driver: v6.1.0-18-amd64

Bonding Mode: fault-tolerance (active-backup)
Primary Slave: None
Currently Active Slave: eth1
MII Status: up
MII Polling Interval (ms): 0
Up Delay (ms): 0
Down Delay (ms): 0
Peer Notification Delay (ms): 0
ARP Polling Interval (ms): 100
ARP Missed Max: 2
ARP IP target/s (n.n.n.n form): 10.1.0.9
NS IPv6 target/s (xx::xx form):

Slave Interface: eth0
MII Status: down
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 1
Permanent HW addr: 52:54:00:12:34:56
Slave queue ID: 0

Slave Interface: eth1
MII Status: up
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 52:54:00:12:34:57
Slave queue ID: 0
"""
LACP = """\
Ethernet Channel Bonding Driver: v5.14.0-362.el9.x86_64

Bonding Mode: IEEE 802.3ad Dynamic link aggregation
Transmit Hash Policy: layer3+4 (1)
MII Status: up
MII Polling Interval (ms): 100
Up Delay (ms): 0
Down Delay (ms): 0
Peer Notification Delay (ms): 0

802.3ad info
LACP active: on
LACP rate: fast
Min links: 0
Aggregator selection policy (ad_select): stable
System priority: 65535
System MAC address: 52:54:00:12:34:56
Active Aggregator Info:
\tAggregator ID: 1
\tNumber of ports: 1
\tActor Key: 15
\tPartner Key: 1
\tPartner Mac Address: 00:1c:73:00:00:99

Slave Interface: eth0
MII Status: up
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 52:54:00:12:34:56
Slave queue ID: 0
Aggregator ID: 1
Actor Churn State: none
Partner Churn State: none
Actor Churned Count: 0
Partner Churned Count: 0
details actor lacp pdu:
    system priority: 65535
    system mac address: 52:54:00:12:34:56
    port key: 15
    port priority: 255
    port number: 1
    port state: 63
details partner lacp pdu:
    system priority: 32768
    system mac address: 00:1c:73:00:00:99
    oper key: 1
    port priority: 32768
    port number: 11
    port state: 61

Slave Interface: eth1
MII Status: up
Speed: 10000 Mbps
Duplex: full
Link Failure Count: 0
Permanent HW addr: 52:54:00:12:34:57
Slave queue ID: 0
Aggregator ID: 2
Actor Churn State: churned
Partner Churn State: churned
Actor Churned Count: 1
Partner Churned Count: 1
details actor lacp pdu:
    system priority: 65535
    system mac address: 52:54:00:12:34:56
    port key: 15
    port priority: 255
    port number: 2
    port state: 71
details partner lacp pdu:
    system priority: 65535
    system mac address: 00:00:00:00:00:00
    oper key: 1
    port priority: 255
    port number: 1
    port state: 1
"""


def without_privilege(text: str) -> str:
    """As the kernel shows it to those without CAP_NET_ADMIN."""
    secret = ("\t", "    ", "details", "Active Aggregator", "System ")
    return "\n".join(line for line in text.splitlines() if not line.startswith(secret))


def test_arp_monitor_that_gave_a_member_up() -> None:
    proc = parse_proc(ACTIVE_BACKUP)
    assert proc.members == {"eth0": BondMember(linked=False), "eth1": BondMember()}
    bond = Bond("bond0", "active-backup", members=proc.members)
    assert bond.state_of("eth0", LinkState.UP) is LinkState.BOND_DOWN
    assert bond.state_of("eth0", LinkState.NO_CARRIER) is LinkState.NO_CARRIER
    assert bond.state_of("eth1", LinkState.UP) is LinkState.UP


def test_member_whose_switch_does_not_speak_lacp() -> None:
    proc = parse_proc(LACP)
    assert proc.aggregator == "1"
    assert proc.members["eth0"] == BondMember(aggregator="1", port_state=63)
    assert proc.members["eth1"] == BondMember(aggregator="2", port_state=71)
    bond = Bond("bond0", "802.3ad", aggregator=proc.aggregator, members=proc.members)
    assert bond.state_of("eth0", LinkState.UP) is LinkState.UP
    assert bond.state_of("eth1", LinkState.UP) is LinkState.NOT_AGGREGATED


def test_lacp_without_privilege_is_not_guessed_at() -> None:
    proc = parse_proc(without_privilege(LACP))
    bond = Bond("bond0", "802.3ad", aggregator=proc.aggregator, members=proc.members)
    assert bond.state_of("eth1", LinkState.UP) is LinkState.UP


def test_port_that_left_is_gone() -> None:
    assert Bond("bond0", "active-backup").state_of("eth0", LinkState.UP) is LinkState.GONE


@pytest.mark.parametrize("text", ["", "nonsense", "Slave Interface: eth0", "a: b\n: c\n"])
def test_other_texts_are_borne(text: str) -> None:
    assert all(member.linked for member in parse_proc(text).members.values())
