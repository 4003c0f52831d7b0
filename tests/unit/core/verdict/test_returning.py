"""Coming back: nothing is over before it is steady, and another boot is told as such."""

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.alarms import REBOOT_EPISODE
from nfvi_ha.core.verdict.inputs import Opinion
from nfvi_ha.core.verdict.outputs import NodeState

from .bench import BOOT, SeatUnderTest, only

FAILED = FaultKind.HYPERVISOR_FAILED


def _failed() -> SeatUnderTest:
    seat = SeatUnderTest()
    seat.lose("node-2")
    seat.run(1.0)
    assert seat.state() is NodeState.FAILED
    return seat


def test_it_is_cleared_after_a_second_of_steady_beats() -> None:
    seat = _failed()
    seat.return_("node-2")

    seat.run(0.9)
    assert (seat.state(), seat.cleared()) == (NodeState.RETURNING, [])

    seat.run(0.3)
    assert seat.state() is NodeState.UP
    cleared, raised = only(seat.cleared()), only(seat.raised())
    assert (cleared.kind, cleared.boot_id, cleared.episode) == (raised.kind, raised.boot_id, raised.episode)


def test_beats_that_come_and_go_clear_nothing_and_raise_nothing_again() -> None:
    seat = _failed()
    for _ in range(10):
        seat.return_("node-2")
        seat.run(0.6)
        seat.lose("node-2")
        seat.run(1.0)

    assert len(seat.raised()) == 1
    assert seat.cleared() == []


def test_another_boot_is_told_in_the_clear() -> None:
    seat = _failed()
    seat.return_("node-2", boot="boot-2")

    seat.run(1.3)

    said = only(seat.cleared())
    assert said.boot_id == BOOT
    assert "rebooted" in said.message


def test_the_next_failure_of_the_same_boot_is_another_episode() -> None:
    seat = _failed()
    seat.return_("node-2")
    seat.run(1.5)
    seat.lose("node-2")
    seat.run(1.0)

    assert [said.episode for said in seat.raised()] == [0, 1]


def test_episodes_are_carried_over_a_restart_by_the_agent() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.heard("node-2", 0, BOOT, 1, True, False, 5, seat.now))
    seat.lose("node-2")

    seat.run(1.0)

    assert only(seat.raised()).episode == 5
    assert seat.verdicts.episode("node-2") == 5


def test_episodes_are_learnt_from_the_other_seats() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2", episode=3)

    seat.run(1.0)

    assert only(seat.raised()).episode == 3


def test_a_reboot_without_a_word_is_a_failure_that_is_over() -> None:
    seat = SeatUnderTest()
    seat.return_("node-2", boot="boot-2")

    seat.run(0.2)
    said = only(seat.raised())
    assert (said.kind, said.cause, said.boot_id, said.with_vms) == (FAILED, "Rebooted", BOOT, True)
    assert said.episode == REBOOT_EPISODE

    seat.run(1.2)
    assert only(seat.cleared()).boot_id == BOOT
    assert seat.state() is NodeState.UP


def test_a_reboot_that_others_have_heard_meanwhile_is_not_told_again() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.others_say(Opinion.REACHABLE, "node-2", boot_id="boot-2")
    seat.run(2.0)
    assert seat.state() is NodeState.OBSERVER_FAULT

    seat.return_("node-2", boot="boot-2")
    seat.run(2.0)

    assert seat.state() is NodeState.UP
    assert seat.raised() == []


def test_the_vms_of_a_host_that_was_only_unreachable_are_told_when_it_is_back_with_another_boot() -> None:
    seat = SeatUnderTest()
    seat.fall_silent("node-2")
    seat.run(1.0)
    seat.return_("node-2", boot="boot-2")

    seat.run(1.5)

    assert [(said.kind, said.with_vms) for said in seat.raised()] == [
        (FaultKind.HYPERVISOR_UNREACHABLE, False),
        (FAILED, True),
    ]
    assert len(seat.cleared()) == 2


def test_a_datagram_of_an_earlier_boot_changes_nothing() -> None:
    seat = SeatUnderTest()
    seat.return_("node-2", boot="boot-2")
    seat.run(2.0)
    seat.said.clear()

    seat.note(seat.verdicts.heard("node-2", 0, BOOT, 1, True, False, 0, seat.now))
    seat.run(1.0)

    assert seat.said == []


def test_what_others_hear_steadily_is_over_here_too() -> None:
    seat = _failed()
    seat.others_say(Opinion.REACHABLE, "node-2", seats=(1, 2))

    seat.run(0.8)
    assert seat.cleared() == []

    seat.run(0.4)
    assert only(seat.cleared()).kind is FAILED
    assert seat.state() is NodeState.OBSERVER_FAULT


def test_a_quorum_that_is_lost_does_not_take_a_failure_back() -> None:
    seat = _failed()
    seat.return_("node-2")
    seat.run(0.5)
    seat.fall_silent("node-2")

    seat.run(10)

    assert seat.state() is NodeState.FAILED
    assert seat.cleared() == []
    assert len(seat.raised()) == 1


@pytest.mark.parametrize("kind", [FAILED, FaultKind.AGENT_LOST, FaultKind.HYPERVISOR_UNREACHABLE])
def test_a_fault_found_on_record_is_cleared_when_the_host_is_heard(kind: FaultKind) -> None:
    seat = SeatUnderTest(warm=False)
    seat.note(seat.verdicts.recall(kind, "node-2", "", BOOT, 4, seat.now))

    seat.run(5.0)

    cleared = only(seat.cleared())
    assert (cleared.kind, cleared.episode) == (kind, 4)
    assert seat.state() is NodeState.UP
    assert seat.raised() == []


def test_a_failure_found_on_record_is_not_raised_again() -> None:
    seat = SeatUnderTest(warm=False)
    seat.fall_silent("node-2")
    seat.note(seat.verdicts.recall(FAILED, "node-2", "", BOOT, 0, seat.now))

    seat.run(10)

    assert seat.state() is NodeState.FAILED
    assert seat.raised() == []


def test_a_fault_of_another_boot_found_on_record_is_over() -> None:
    seat = SeatUnderTest()

    said = seat.verdicts.recall(FAILED, "node-2", "", "boot-0", 2, seat.now)

    assert [(clear.boot_id, clear.episode) for clear in said if clear in said] == [("boot-0", 2)]  # type: ignore[union-attr]
