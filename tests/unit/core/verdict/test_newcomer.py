"""A seat that was just restarted, and a host that it never heard: the others' word counts while they are there."""

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import Method, Opinion, Outcome, Reach
from nfvi_ha.core.verdict.outputs import CastVote, NodeState

from .bench import WARM_SECONDS, SeatUnderTest, only

FAILED = FaultKind.HYPERVISOR_FAILED
WARM_UP_SECONDS = 3.0


def test_a_host_that_another_seat_misses_is_failed_for_a_seat_that_never_heard_it() -> None:
    seat = _newcomer()
    seat.others_say(Opinion.SILENT, "node-2", seats=(1,))

    seat.run(WARM_SECONDS)

    assert only(seat.raised()).kind is FAILED


def test_votes_at_the_quiet_pace_are_enough_once_their_seat_has_answered() -> None:
    seat = _newcomer()
    seat.run(1.5)
    seat.vote(1, "node-2", Opinion.SILENT)
    seat.run(1.6)
    assert seat.state() is NodeState.UNKNOWN

    seat.vote(1, "node-2", Opinion.SILENT)
    seat.run(0.3)

    assert only(seat.raised()).kind is FAILED


def test_an_old_vote_of_a_seat_that_is_silent_since_confirms_nothing() -> None:
    """The host may be back, and its seat is gone that would have said so."""
    seat = _newcomer()
    seat.run(WARM_UP_SECONDS - 0.6)
    seat.vote(1, "node-2", Opinion.SILENT)

    said = seat.run(4.0)

    assert seat.raised() == []
    assert seat.state() is NodeState.UNKNOWN
    assert any(isinstance(output, CastVote) and output.node == "node-2" for output in said), "nobody was asked"


def test_a_seat_that_hears_the_host_again_is_asked_before_an_old_vote_counts() -> None:
    seat = _newcomer()
    seat.run(WARM_UP_SECONDS - 0.6)
    seat.vote(1, "node-2", Opinion.SILENT)
    seat.run(0.6)
    seat.others_say(Opinion.REACHABLE, "node-2", seats=(2,))

    seat.run(4.0)

    assert seat.raised() == []


@pytest.mark.parametrize(
    ("method", "outcome"),
    [(Method.TCP, Outcome.ACCEPTED), (Method.ICMP, Outcome.ANSWERED), (Method.UDP, Outcome.ANSWERED)],
)
def test_a_host_that_answers_is_left_to_those_who_heard_it(method: Method, outcome: Outcome) -> None:
    """It boots, or its agent does: which, only they know."""
    seat = _newcomer()
    seat.others_say(Opinion.SILENT, "node-2")
    for _ in range(40):
        seat.probed("node-2", method, outcome)
        seat.run(0.1)

    assert seat.raised() == []


def test_a_seat_that_heard_no_host_since_its_start_may_be_cut_off_itself() -> None:
    seat = SeatUnderTest(warm=False)
    seat.fall_silent(*seat.names)
    seat.others_say(Opinion.SILENT, "node-2", seats=(1,))

    seat.run(WARM_SECONDS)

    assert seat.raised(FAILED) == []
    votes = [said for said in seat.said if isinstance(said, CastVote) and said.opinion is Opinion.SILENT]
    assert votes
    assert all(vote.by & Reach.NOBODY for vote in votes)


def _newcomer() -> SeatUnderTest:
    """Its start; it hears all hosts but one."""
    seat = SeatUnderTest(warm=False)
    seat.fall_silent("node-2")
    return seat
