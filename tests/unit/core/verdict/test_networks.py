"""One network silent, the others not: NetworkFault, if it is not the seat's own network."""

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict.inputs import Opinion
from nfvi_ha.core.verdict.outputs import NodeState

from .bench import SeatUnderTest, only

NETWORK = FaultKind.HYPERVISOR_NETWORK
MGMT, STORAGE = 0b01, 0b10


def test_two_seats_that_miss_it_on_one_network_call_it_a_network_fault() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (1,)
    seat.others_say(Opinion.REACHABLE, "node-2", dark=MGMT)

    seat.run(1.0)

    said = only(seat.raised())
    assert (said.kind, said.network, said.confidence, said.with_vms) == (NETWORK, "mgmt", Confidence.HIGH, False)
    assert seat.state() is NodeState.NETWORK_FAULT


def test_it_is_cleared_when_it_was_heard_there_steadily() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (0,)
    seat.others_say(Opinion.REACHABLE, "node-2", dark=STORAGE)
    seat.run(1.0)
    seat.return_("node-2")

    seat.run(0.8)
    assert seat.cleared() == []

    seat.run(0.5)
    assert only(seat.cleared()).network == "storage"
    assert seat.state() is NodeState.UP


def test_it_is_not_the_hosts_fault_if_other_seats_hear_it_there() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (1,)
    seat.others_say(Opinion.REACHABLE, "node-2", dark=0)

    seat.run(5.0)

    assert seat.raised() == []
    assert seat.state() is NodeState.UP


def test_a_seat_alone_says_it_with_confidence_low() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (1,)

    seat.run(1.5)

    assert only(seat.raised()).confidence is Confidence.LOW


def test_a_seat_alone_that_misses_most_hosts_on_a_network_says_nothing() -> None:
    seat = SeatUnderTest()
    for name in seat.names[1:]:
        seat.beating[name] = (1,)

    seat.run(3.0)

    assert seat.raised() == []


def test_a_network_it_was_never_heard_on_is_not_missed() -> None:
    seat = SeatUnderTest(warm=False)
    for name in seat.names:
        seat.beating[name] = (0,)
    seat.others_say(Opinion.REACHABLE, *seat.names, dark=STORAGE)

    seat.run(10)

    assert seat.raised() == []


def test_a_network_fault_found_on_record_is_cleared_when_it_is_heard_there() -> None:
    seat = SeatUnderTest(warm=False)
    seat.note(seat.verdicts.recall(NETWORK, "node-2", "mgmt", "boot-1", 1, seat.now))

    seat.run(5.0)

    assert only(seat.cleared()).episode == 1
    assert seat.state() is NodeState.UP


def test_a_fault_on_a_network_that_is_no_more_is_over() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (0,)
    seat.others_say(Opinion.REACHABLE, "node-2", dark=STORAGE)
    seat.run(1.0)
    seat.set_roster(seat.names, networks=("mgmt",))

    seat.run(0.5)

    assert only(seat.cleared()).network == "storage"
    assert seat.state() is NodeState.UP


def test_a_network_index_that_nobody_configured_is_ignored() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.heard("node-2", 200, "boot-1", 1, True, False, 0, seat.now))

    seat.run(3.0)

    assert seat.said == []


def test_the_host_still_fails_when_its_last_network_falls_silent() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (1,)
    seat.others_say(Opinion.REACHABLE, "node-2", dark=MGMT)
    seat.run(1.0)
    seat.lose("node-2")
    seat.others_say(Opinion.SILENT, "node-2")

    seat.run(0.8)

    assert [said.kind for said in seat.raised()] == [NETWORK, FaultKind.HYPERVISOR_FAILED]
