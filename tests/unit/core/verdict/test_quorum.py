"""Two distinct seats of three, always; who may be one of them, and whose word is worth how much."""

import pytest

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict.ballot import Agreement, Tally
from nfvi_ha.core.verdict.inputs import Opinion, Reach, Vote
from nfvi_ha.core.verdict.outputs import CastVote, NodeState

from .bench import BOOT, SeatUnderTest, only

FAILED, UNREACHABLE = FaultKind.HYPERVISOR_FAILED, FaultKind.HYPERVISOR_UNREACHABLE


@pytest.mark.parametrize(
    ("silent", "doubting_others", "doubting", "agreement"),
    [
        (0, 0, False, Agreement.DOUBTED),
        (0, 0, True, Agreement.NOBODY),
        (1, 0, False, Agreement.QUORUM),
        (1, 1, False, Agreement.DOUBTED),
        (1, 0, True, Agreement.DOUBTED),
        (1, 1, True, Agreement.DOUBTED),
        (2, 1, False, Agreement.QUORUM),
        (2, 2, True, Agreement.QUORUM),
    ],
)
def test_seats_that_hear_nobody_make_a_quorum_only_all_together(
    silent: int, doubting_others: int, doubting: bool, agreement: Agreement
) -> None:
    tally = Tally(silent=silent, doubting=doubting_others, vouched=True)

    assert tally.agreement(3, doubting=doubting) is agreement


def test_a_second_seat_confirms() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")

    seat.run(0.7)

    assert only(seat.raised()).kind is FAILED


def test_one_seat_alone_says_unreachable_with_confidence_low() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")

    seat.run(1.0)

    said = only(seat.raised())
    assert (said.kind, said.confidence, said.with_vms) == (UNREACHABLE, Confidence.LOW, False)
    assert seat.state() is NodeState.SUSPECT


def test_a_quorum_that_comes_later_turns_unreachable_into_failed() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(2.0)

    seat.others_say(Opinion.SILENT, "node-2", seats=(2,))
    seat.run(0.3)

    assert [said.kind for said in seat.raised()] == [UNREACHABLE, FAILED]
    assert only(seat.cleared()).kind is UNREACHABLE


@pytest.mark.parametrize("silent_seats", [(), (1,)])
def test_one_seat_that_hears_it_is_enough_for_it_to_live(silent_seats: tuple[int, ...]) -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.others_say(Opinion.SILENT, "node-2", seats=silent_seats)
    seat.others_say(Opinion.REACHABLE, "node-2", seats=(2,))

    seat.run(5.0)

    assert seat.raised() == []
    assert seat.state() is NodeState.OBSERVER_FAULT


def test_a_vote_taken_back_counts_as_its_last_word() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(0.4)
    seat.vote(1, "node-2", Opinion.SILENT)
    seat.others_say(Opinion.REACHABLE, "node-2", seats=(1,))

    seat.run(2.0)

    assert seat.raised() == []


def test_an_earlier_vote_that_arrives_late_changes_nothing() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.others_say(Opinion.REACHABLE, "node-2", seats=(1,))
    seat.run(0.5)

    seat.verdicts.voted(_vote(sequence=0, opinion=Opinion.SILENT), seat.now)
    seat.run(0.08)

    assert seat.raised() == []


def test_an_old_vote_confirms_nothing() -> None:
    seat = SeatUnderTest()
    seat.vote(1, "node-2", Opinion.SILENT)
    seat.fall_silent("node-2")

    seat.run(0.68)

    assert seat.raised(FAILED) == []


def test_two_incarnations_of_a_seat_void_its_vote() -> None:
    seat = SeatUnderTest()
    for _ in range(10):
        seat.verdicts.seat_heard(1, 8, seat.now)
        seat.verdicts.seat_heard(1, 99, seat.now)
        seat.lose("node-2")
        seat.run(0.1)

    assert seat.raised(FAILED) == []


def test_a_successor_votes_once_its_predecessor_is_silent() -> None:
    seat = SeatUnderTest()
    seat.verdicts.seat_heard(1, 99, seat.now)
    seat.run(3.5)
    seat.lose("node-2")

    seat.run(0.7)

    assert only(seat.raised()).kind is FAILED


def test_another_seat_of_our_own_number_makes_us_abstain() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    for _ in range(10):
        seat.verdicts.seat_heard(0, 99, seat.now)
        seat.run(0.1)

    assert seat.raised() == []
    votes = {said.opinion for said in seat.said if isinstance(said, CastVote)}
    assert Opinion.ABSTAIN in votes
    assert Opinion.SILENT not in votes


@pytest.mark.parametrize("number", [-1, 3, 250])
def test_votes_of_seats_that_do_not_exist_count_for_nothing(number: int) -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.others_say(Opinion.SILENT, "node-2", seats=(number,))

    seat.run(1.0)

    assert seat.raised(FAILED) == []


def test_silence_is_not_confirmed_by_a_seat_that_hears_nobody() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2", by=Reach.NOBODY)

    seat.run(1.0)

    assert only(seat.raised()).kind is UNREACHABLE


def test_a_seat_that_hears_nobody_and_is_alone_speaks_of_itself() -> None:
    seat = SeatUnderTest()
    seat.fall_silent(*seat.names)

    seat.run(5.0)

    assert seat.raised() == []
    assert {seat.state(name) for name in seat.names} == {NodeState.OBSERVER_FAULT}


def test_being_cut_off_clears_nothing_that_was_raised_before() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(1.0)
    seat.fall_silent(*seat.names)

    seat.run(5.0)

    assert only(seat.raised()).node == "node-2"
    assert seat.cleared() == []


def test_all_three_seats_that_hear_nobody_are_right() -> None:
    seat = SeatUnderTest()
    seat.fall_silent(*seat.names)
    seat.others_say(Opinion.SILENT, *seat.names, by=Reach.NOBODY)

    seat.run(0.8)

    assert {said.node for said in seat.raised(FAILED)} == set(seat.names)


def test_a_seat_that_was_deaf_does_not_vote_on_what_it_had_no_time_to_hear() -> None:
    seat = SeatUnderTest()
    seat.fall_silent(*seat.names)
    seat.run(3.0)
    seat.said.clear()

    seat.return_("node-0")
    seat.run(0.3)
    seat.vote(1, "node-2", Opinion.SILENT)

    assert {said.opinion for said in seat.said if isinstance(said, CastVote)} <= {Opinion.ABSTAIN, Opinion.REACHABLE}


def test_who_doubts_what_we_hear_is_told_that_we_hear_it() -> None:
    seat = SeatUnderTest()

    said = seat.vote(1, "node-2", Opinion.SILENT)

    vote = next(output for output in said if isinstance(output, CastVote))
    assert (vote.opinion, vote.boot_id) == (Opinion.REACHABLE, BOOT)


def test_two_seats_that_agree_do_not_answer_each_other_for_ever() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(3.0)
    seat.said.clear()

    seat.run(3.0)

    assert sum(isinstance(said, CastVote) for said in seat.said) <= 4


def test_a_seat_hears_nothing_of_hosts_it_does_not_expect() -> None:
    seat = SeatUnderTest()

    assert seat.vote(1, "stranger", Opinion.SILENT) == ()
    assert seat.verdicts.heard("stranger", 0, BOOT, 1, True, False, 0, seat.now) == ()


def _vote(sequence: int, opinion: Opinion) -> Vote:
    return Vote(1, 8, sequence, "node-2", BOOT, opinion)
