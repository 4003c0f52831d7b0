"""Hosts come and go by the roster, which may be wrong for a moment."""

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import NodeFacts
from nfvi_ha.core.verdict.node import Node
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.peers import choose_peers
from nfvi_ha.core.verdict.policy import VerdictPolicy

from .bench import SeatUnderTest, only


def test_an_empty_roster_for_a_moment_loses_no_history() -> None:
    seat = SeatUnderTest()
    seat.set_roster([])
    seat.run(5.0)
    seat.set_roster(seat.names)
    seat.lose("node-2")

    seat.run(0.8)

    assert only(seat.raised()).node == "node-2"


def test_a_host_that_was_removed_is_let_go_in_the_end_with_its_alarm() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(1.0)
    seat.set_roster([name for name in seat.names if name != "node-2"])
    seat.run(50)
    assert seat.cleared() == []

    seat.run(15)

    assert only(seat.cleared()).kind is FaultKind.HYPERVISOR_FAILED
    assert seat.state() is NodeState.UNKNOWN


def test_a_host_that_is_not_governed_any_more_loses_its_alarm() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(1.0)

    seat.set_roster(seat.names, governed=False)

    assert only(seat.cleared()).node == "node-2"


def test_another_policy_holds_from_the_next_tick_on() -> None:
    seat = SeatUnderTest()
    seat.verdicts.set_policy(VerdictPolicy(suspect_seconds=2.0), seat.now)
    seat.lose("node-2")

    seat.run(1.9)

    assert seat.state() is NodeState.UP


def _nodes(zones: str) -> dict[str, Node]:
    nodes = {}
    for number, zone in enumerate(zones):
        name = f"node-{number:03}"
        nodes[name] = Node(name, NodeFacts(zone=zone), 0.0)
        nodes[name].became(NodeState.UP, 0.0)
    return nodes


def _peers(nodes: dict[str, Node], suspect: str, seat: int = 0) -> list[str]:
    return choose_peers(nodes[suspect], sorted(nodes), nodes, 3, seat)


def test_peers_are_of_three_other_zones_where_there_are() -> None:
    nodes = _nodes("abcd" * 5)

    assert {nodes[name].facts.zone for name in _peers(nodes, "node-000")} == {"b", "c", "d"}


def test_peers_of_the_same_zone_are_better_than_none() -> None:
    nodes = _nodes("aaaa")

    assert sorted(_peers(nodes, "node-000")) == ["node-001", "node-002", "node-003"]


def test_a_second_peer_of_another_zone_goes_before_one_of_its_own() -> None:
    nodes = _nodes("aaabbb")

    assert {nodes[name].facts.zone for name in _peers(nodes, "node-000")} == {"b"}


def test_only_healthy_peers_are_asked() -> None:
    nodes = _nodes("ab")
    nodes["node-001"].became(NodeState.SUSPECT, 0.0)

    assert _peers(nodes, "node-000") == []


def test_seats_ask_mostly_different_peers() -> None:
    nodes = _nodes("abcd" * 10)

    asked = [name for seat in range(3) for name in _peers(nodes, "node-000", seat)]

    assert len(set(asked)) >= 8
