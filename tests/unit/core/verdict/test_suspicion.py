"""When a host becomes suspect, what is asked then, and how soon it is decided."""

import pytest

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.inputs import Opinion
from nfvi_ha.core.verdict.outputs import AskPeers, CastVote, NodeState, Probe, StateChanged

from .bench import BOOT, TICK, SeatUnderTest, only


def _silent_for(seat: SeatUnderTest, node: str, state: NodeState) -> float:
    """Seconds from its last beat until it was held for that."""
    last = seat.now
    for _ in range(100):
        seat.run(TICK)
        if seat.state(node) is state:
            return seat.now - last
    raise AssertionError(f"{node} is {seat.state(node)}")


def _run_to_a_beat(seat: SeatUnderTest) -> None:
    while seat._steps % 5:
        seat.run(TICK)


def test_it_is_suspect_after_350_ms_and_failed_within_600() -> None:
    seat = SeatUnderTest()
    _run_to_a_beat(seat)
    seat.lose("node-2")
    began = seat.now

    suspect = _silent_for(seat, "node-2", NodeState.SUSPECT)
    _silent_for(seat, "node-2", NodeState.FAILED)

    assert 0.35 < suspect <= 0.35 + TICK + 1e-6
    assert seat.now - began <= 0.6


@pytest.mark.parametrize(("real_time", "self_slow"), [(False, False), (True, True)])
def test_an_agent_that_may_stall_is_given_500_ms(real_time: bool, self_slow: bool) -> None:
    seat = SeatUnderTest()
    _run_to_a_beat(seat)
    seat.verdicts.heard("node-2", 0, BOOT, 1, real_time, self_slow, 0, seat.now)
    seat.lose("node-2")
    began = seat.now

    suspect = _silent_for(seat, "node-2", NodeState.SUSPECT)
    _silent_for(seat, "node-2", NodeState.FAILED)

    assert 0.5 < suspect <= 0.5 + TICK + 1e-6
    assert seat.now - began <= 0.75


def test_two_missed_beats_are_no_silence_yet() -> None:
    seat = SeatUnderTest()
    for _ in range(20):
        seat.fall_silent("node-2")
        seat.run(0.2)
        seat.return_("node-2")
        seat.run(0.1)

    assert seat.said == []


def test_beats_on_one_network_are_life() -> None:
    seat = SeatUnderTest()
    seat.beating["node-2"] = (1,)

    seat.run(0.5)

    assert seat.said == []


def test_suspicion_asks_at_once() -> None:
    seat = SeatUnderTest(hosts=6)
    seat.fall_silent("node-2")

    said = seat.run(0.46)
    kinds = [type(output) for output in said]

    assert kinds[:4] == [StateChanged, CastVote, Probe, AskPeers]
    vote = next(output for output in said if isinstance(output, CastVote))
    assert (vote.node, vote.opinion, vote.boot_id) == ("node-2", Opinion.SILENT, BOOT)
    peers = next(output for output in said if isinstance(output, AskPeers)).peers
    assert len(peers) == 3
    assert "node-2" not in peers


def test_votes_are_repeated_every_100_ms_while_it_is_suspect() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(0.46)
    seat.said.clear()

    seat.run(0.3)

    assert sum(isinstance(said, CastVote) for said in seat.said) == 3


def test_a_beat_while_it_is_suspect_ends_the_doubt_and_takes_the_vote_back() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(0.46)
    seat.said.clear()

    seat.return_("node-2")
    seat.run(0.1)

    assert seat.state() is NodeState.UP
    votes = [said.opinion for said in seat.said if isinstance(said, CastVote)]
    assert votes[-1] is Opinion.REACHABLE
    assert seat.raised() == []


def test_a_failed_host_is_reported_with_its_vms_and_its_boot() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")

    seat.run(0.8)

    said = only(seat.raised())
    assert said.kind is FaultKind.HYPERVISOR_FAILED
    assert (said.node, said.boot_id, said.episode, said.cause) == ("node-2", BOOT, 0, "Silent")
    assert (said.severity, said.confidence, said.with_vms) == (Severity.CRITICAL, Confidence.HIGH, True)


def test_a_failure_is_raised_once_however_long_it_lasts() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2")

    seat.run(30)

    assert len(seat.raised()) == 1
    assert seat.cleared() == []


def test_nothing_is_judged_while_the_seat_warms_up() -> None:
    seat = SeatUnderTest(warm=False)
    seat.run(1.0)
    seat.lose("node-2")

    seat.run(1.9)
    assert seat.raised() == []

    seat.run(0.3)
    assert only(seat.raised()).node == "node-2"


def test_a_seat_that_just_warmed_up_gives_the_others_time_before_it_speaks_alone() -> None:
    seat = SeatUnderTest(warm=False)
    seat.run(1.0)
    seat.fall_silent("node-2")

    seat.run(2.3)
    assert seat.raised() == []

    seat.run(0.3)
    assert only(seat.raised()).kind is FaultKind.HYPERVISOR_UNREACHABLE


def test_a_host_that_was_never_heard_is_not_silent() -> None:
    seat = SeatUnderTest()
    seat.set_roster([*seat.names, "node-new"])

    seat.run(30)

    assert seat.state("node-new") is NodeState.UNKNOWN
    assert seat.said == []


def test_a_seat_without_history_makes_the_quorum_with_one_that_has_it() -> None:
    seat = SeatUnderTest()
    seat.set_roster([*seat.names, "node-new"])
    seat.others_say(Opinion.SILENT, "node-new", seats=(1,))

    seat.run(0.5)

    assert (only(seat.raised()).node, seat.state("node-new")) == ("node-new", NodeState.FAILED)


def test_seats_without_history_make_no_quorum() -> None:
    seat = SeatUnderTest()
    seat.set_roster([*seat.names, "node-new"])
    seat.others_say(Opinion.SILENT, "node-new", boot_id="")

    seat.run(5.0)

    assert seat.raised() == []
    assert seat.state("node-new") is NodeState.UNKNOWN


def test_hosts_that_no_policy_governs_are_not_judged() -> None:
    seat = SeatUnderTest()
    seat.set_roster(seat.names, governed=False)
    seat.lose("node-2")

    seat.run(5.0)

    assert seat.raised() == []
    assert seat.verdicts.summary() == {}
