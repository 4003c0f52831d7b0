"""Mass failure: every host is told, recovery is held, and there is a way out (invariant 4)."""

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.mass import limit
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.policy import VerdictPolicy

from .bench import SeatUnderTest, only

FAILED, MASS = FaultKind.HYPERVISOR_FAILED, FaultKind.MASS_FAILURE
RACK = [f"node-{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("total", "allowed"),
    [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (20, 3), (39, 3), (40, 4), (100, 10), (1000, 100)],
)
def test_so_many_may_fail_together(total: int, allowed: int) -> None:
    assert limit(total, VerdictPolicy()) == allowed


def test_the_share_that_must_stay_healthy_bounds_it() -> None:
    assert limit(1000, VerdictPolicy(mass_fraction=0.9, min_healthy=0.8)) == 200


def _lose(seat: SeatUnderTest, *names: str) -> None:
    for name in names:
        seat.lose(name)


def test_a_rack_that_falls_silent_is_a_mass_failure_and_each_host_is_told() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK)

    seat.run(0.8)

    root = seat.raised()[0]
    assert (root.kind, root.node) == (MASS, "")
    hosts = seat.raised(FAILED)
    assert {said.node for said in hosts} == set(RACK)
    assert all((said.cause, said.parent_mass, said.with_vms) == ("MassFailure", True, True) for said in hosts)
    assert {seat.state(name) for name in RACK} == {NodeState.MASS_FAILURE}


def test_as_many_as_allowed_are_single_failures() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK[:3])

    seat.run(3.0)

    assert seat.raised(MASS) == []
    assert not any(said.parent_mass for said in seat.raised(FAILED))


def test_one_by_one_within_ten_seconds_is_a_mass_failure_that_takes_in_the_first() -> None:
    seat = SeatUnderTest(hosts=20)
    for name in RACK[:4]:
        _lose(seat, name)
        seat.run(2.0)

    only(seat.raised(MASS))
    assert [said.parent_mass for said in seat.raised(FAILED)] == [False, False, False, True]
    assert {seat.state(name) for name in RACK[:4]} == {NodeState.MASS_FAILURE}


def test_failures_far_apart_are_single_ones() -> None:
    seat = SeatUnderTest(hosts=20)
    for name in RACK:
        _lose(seat, name)
        seat.run(5.0)

    assert seat.raised(MASS) == []


def test_silence_that_only_this_seat_sees_is_no_mass_failure() -> None:
    seat = SeatUnderTest(hosts=20)
    seat.lose("node-0")
    seat.fall_silent(*RACK[1:])

    seat.run(0.68)

    assert [said.parent_mass for said in seat.raised(FAILED)] == [False]
    assert seat.raised(MASS) == []


def test_the_return_of_most_of_them_ends_it_and_the_rest_is_recovered() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK)
    seat.run(1.0)
    seat.return_(*RACK[:3])
    seat.run(2.0)
    assert seat.cleared(MASS) == []

    seat.return_(RACK[3])
    seat.run(2.0)

    only(seat.cleared(MASS))
    assert [seat.state(name) for name in RACK[4:]] == [NodeState.FAILED] * 2


def test_somebody_releases_it_by_name() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK)
    seat.run(1.0)

    seat.note(seat.verdicts.release_mass("alice", seat.now))
    seat.run(3.0)

    assert "alice" in only(seat.cleared(MASS)).message
    assert {seat.state(name) for name in RACK} == {NodeState.FAILED}
    assert len(seat.raised(MASS)) == 1


def test_those_released_do_not_make_the_next_failure_one_of_many() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK)
    seat.run(1.0)
    seat.note(seat.verdicts.release_mass("alice", seat.now))
    seat.lose("node-10")

    seat.run(1.0)

    assert not seat.raised(FAILED)[-1].parent_mass


def test_the_next_mass_failure_is_another_episode() -> None:
    seat = SeatUnderTest(hosts=20)
    for _ in range(2):
        _lose(seat, *RACK)
        seat.run(1.0)
        seat.return_(*RACK)
        seat.run(2.0)

    assert [said.episode for said in seat.raised(MASS)] == [0, 1]
    assert [said.episode for said in seat.cleared(MASS)] == [0, 1]


def test_one_that_fails_long_after_a_mass_failure_is_a_single_failure() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK[:4])
    seat.run(120.0)
    _lose(seat, RACK[4])
    seat.run(1.0)

    assert seat.state(RACK[4]) is NodeState.FAILED
    last = seat.raised(FAILED)[-1]
    assert (last.node, last.cause, last.parent_mass) == (RACK[4], "Silent", False)
    assert {seat.state(name) for name in RACK[:4]} == {NodeState.MASS_FAILURE}


def test_as_many_again_long_after_a_mass_failure_are_held_with_it() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK[:4])
    seat.run(120.0)
    later = [f"node-{number}" for number in range(6, 10)]
    for name in later:
        _lose(seat, name)
        seat.run(2.0)

    only(seat.raised(MASS))
    assert {seat.state(name) for name in later} == {NodeState.MASS_FAILURE}


def test_each_that_follows_the_last_within_the_window_joins_the_mass_failure() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK[:4])
    for name in RACK[4:]:
        seat.run(8.0)
        _lose(seat, name)
    seat.run(1.0)

    assert {seat.state(name) for name in RACK} == {NodeState.MASS_FAILURE}


def test_a_member_that_came_back_and_fails_long_after_is_a_single_failure() -> None:
    seat = SeatUnderTest(hosts=20)
    _lose(seat, *RACK[:4])
    seat.run(3.0)
    seat.return_(RACK[0])
    seat.run(60.0)
    _lose(seat, RACK[0])
    seat.run(1.0)

    assert seat.state(RACK[0]) is NodeState.FAILED


def test_a_seat_that_starts_during_one_holds_its_members_and_nobody_else() -> None:
    seat = SeatUnderTest(hosts=20, warm=False)
    seat.fall_silent(*RACK)
    for name in RACK:
        seat.note(seat.verdicts.recall(FAILED, name, "", "boot-1", 0, seat.now, of_mass=name != RACK[5]))
    seat.note(seat.verdicts.recall(MASS, "", "", "", 3, seat.now))
    seat.run(5.0)

    assert {seat.state(name) for name in RACK[:5]} == {NodeState.MASS_FAILURE}
    assert seat.state(RACK[5]) is NodeState.FAILED


def test_releasing_what_is_not_there_does_nothing() -> None:
    seat = SeatUnderTest()

    assert seat.verdicts.release_mass("alice", seat.now) == ()


def test_one_that_is_open_on_record_is_taken_over_by_a_new_seat() -> None:
    seat = SeatUnderTest(hosts=20, warm=False)
    seat.fall_silent(*RACK)
    for name in RACK:
        seat.note(seat.verdicts.recall(FAILED, name, "", "boot-1", 0, seat.now))
    seat.note(seat.verdicts.recall(MASS, "", "", "", 3, seat.now))
    seat.run(5.0)
    assert seat.said == [] or not seat.raised()

    seat.return_(*RACK)
    seat.run(2.0)

    assert only(seat.cleared(MASS)).episode == 3
