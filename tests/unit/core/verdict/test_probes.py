"""What probes prove: an accepted connection that something lives, ICMP and RST only a kernel."""

import pytest

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict.inputs import Method, Opinion, Outcome, Reach
from nfvi_ha.core.verdict.outputs import CastVote, NodeState

from .bench import SeatUnderTest, only

FAILED, LOST = FaultKind.HYPERVISOR_FAILED, FaultKind.AGENT_LOST
TCP, ICMP, UDP = Method.TCP, Method.ICMP, Method.UDP
ACCEPTED, ANSWERED, REFUSED, SILENT = Outcome.ACCEPTED, Outcome.ANSWERED, Outcome.REFUSED, Outcome.SILENT

ROWS = [
    ([(TCP, ACCEPTED)], NodeState.AGENT_LOST, LOST),
    ([(UDP, ANSWERED)], NodeState.AGENT_LOST, LOST),
    ([(TCP, SILENT), (ICMP, ANSWERED)], NodeState.HUNG, FAILED),
    ([(TCP, REFUSED)], NodeState.HUNG, FAILED),
    ([(TCP, SILENT), (UDP, REFUSED)], NodeState.HUNG, FAILED),
    ([(ICMP, ANSWERED)], NodeState.AGENT_LOST, LOST),
    ([(TCP, SILENT), (ICMP, SILENT), (UDP, SILENT)], NodeState.FAILED, FAILED),
    ([(TCP, REFUSED), (TCP, ACCEPTED)], NodeState.AGENT_LOST, LOST),
    ([], NodeState.FAILED, FAILED),
]


def _suspect(seat: SeatUnderTest) -> None:
    seat.lose("node-2")
    seat.run(0.48)
    assert seat.state() is NodeState.SUSPECT


@pytest.mark.parametrize(("results", "state", "kind"), ROWS)
def test_results_of_probes_decide_what_it_is(
    results: list[tuple[Method, Outcome]], state: NodeState, kind: FaultKind
) -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    for method, outcome in results:
        seat.probed("node-2", method, outcome)

    seat.run(0.22)

    assert (seat.state(), only(seat.raised()).kind) == (state, kind)


def test_a_healthy_peer_that_reaches_it_is_believed() -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    seat.probed("node-2", TCP, ACCEPTED, by="node-1")

    seat.run(0.3)

    said = only(seat.raised())
    assert (said.kind, said.cause) == (LOST, "PathLost")


@pytest.mark.parametrize("peer", ["node-2", "node-3", "stranger"])
def test_a_peer_that_is_not_healthy_is_not_believed(peer: str) -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-3")
    _suspect(seat)
    seat.probed("node-2", TCP, ACCEPTED, by=peer)

    seat.run(0.3)

    assert FAILED in {said.kind for said in seat.raised() if said.node == "node-2"}


def test_what_another_seat_reaches_it_by_counts_here_too() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2", by=Reach.TCP)

    seat.run(1.0)

    assert only(seat.raised()).kind is LOST


def test_a_first_answer_is_told_to_the_others_at_once() -> None:
    seat = SeatUnderTest()
    _suspect(seat)

    said = seat.probed("node-2", TCP, ACCEPTED)

    assert [(vote.opinion, vote.by) for vote in said if isinstance(vote, CastVote)] == [(Opinion.SILENT, Reach.TCP)]


def test_an_agent_lost_stays_so_while_it_serves_and_fails_within_a_second_when_it_stops() -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    for _ in range(30):
        seat.probed("node-2", TCP, ACCEPTED)
        seat.run(0.1)
    assert seat.state() is NodeState.AGENT_LOST

    seat.run(0.7)

    assert [said.kind for said in seat.raised()] == [LOST, FAILED]
    assert only(seat.cleared()).kind is LOST


def test_an_agent_lost_whose_lease_goes_stale_hangs() -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    seat.probed("node-2", TCP, ACCEPTED)
    seat.run(0.3)

    seat.verdicts.lease("node-2", True, seat.now)
    for _ in range(4):
        seat.probed("node-2", TCP, ACCEPTED)
        seat.run(0.1)

    assert seat.state() is NodeState.HUNG
    said = only(seat.raised(FAILED))
    assert (said.cause, said.confidence) == ("Hung", Confidence.LOW)
    assert only(seat.cleared()).kind is LOST


def test_leases_tell_nothing_when_most_of_them_are_stale() -> None:
    seat = SeatUnderTest()
    for name in seat.names:
        seat.verdicts.lease(name, True, seat.now)
    _suspect(seat)
    for _ in range(10):
        seat.probed("node-2", TCP, ACCEPTED)
        seat.run(0.1)

    assert seat.state() is NodeState.AGENT_LOST


def test_a_late_answer_does_not_shake_a_failure_but_steady_service_does() -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    seat.run(0.3)
    seat.probed("node-2", TCP, ACCEPTED)
    seat.run(2.0)
    assert seat.state() is NodeState.FAILED

    for _ in range(310):
        seat.probed("node-2", TCP, ACCEPTED)
        seat.run(0.1)

    assert seat.state() is NodeState.AGENT_LOST
    assert only(seat.cleared()).kind is FAILED


def test_a_kernel_that_answers_does_not_bring_a_failed_host_back() -> None:
    seat = SeatUnderTest()
    _suspect(seat)
    seat.run(0.3)

    for _ in range(60):
        seat.probed("node-2", ICMP, ANSWERED)
        seat.run(0.1)

    assert seat.state() is NodeState.FAILED
    assert seat.cleared() == []


def test_results_on_a_host_that_is_up_change_nothing() -> None:
    seat = SeatUnderTest()

    assert seat.probed("node-2", TCP, SILENT) == ()
    assert seat.probed("stranger", TCP, ACCEPTED) == ()
    assert seat.run(1.0) == []
