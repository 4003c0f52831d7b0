"""GOODBYE excuses an absence that was announced, for as long as the policy allows, and proves nothing."""

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import Method, Opinion, Outcome, Reach
from nfvi_ha.core.verdict.outputs import CastVote, NodeState

from .bench import BOOT, SeatUnderTest, only

FAILED, VM_FAILED = FaultKind.HYPERVISOR_FAILED, FaultKind.VM_FAILED


def _leave(seat: SeatUnderTest, reason: str, seconds: float) -> None:
    seat.note(seat.verdicts.left("node-2", BOOT, reason, seconds, seat.now))
    seat.run(0.1)
    seat.lose("node-2", by=Reach.LEFT)


@pytest.mark.parametrize("reason", ["upgrade", "stop"])
def test_an_agent_that_is_back_in_time_was_never_missed(reason: str) -> None:
    seat = SeatUnderTest()
    _leave(seat, reason, 10)
    seat.run(5.0)
    assert seat.state() is NodeState.LEFT

    seat.agents["node-2"] = 2
    seat.return_("node-2")
    seat.run(0.2)

    assert seat.state() is NodeState.UP
    assert seat.raised() == []


def test_more_beats_of_the_agent_that_leaves_do_not_end_its_absence() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", BOOT, "upgrade", 10, seat.now))

    seat.run(1.0)

    assert seat.state() is NodeState.LEFT


def test_an_agent_that_beats_on_past_its_goodbye_is_up() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", BOOT, "upgrade", 1, seat.now))

    seat.run(1.5)

    assert seat.state() is NodeState.UP


@pytest.mark.parametrize(
    ("reason", "asked", "granted"), [("upgrade", 3600, 10), ("reboot", 3600, 300), ("reboot", 20, 20), ("stop", 99, 10)]
)
def test_its_time_is_bounded_by_policy_and_then_it_is_judged(reason: str, asked: float, granted: float) -> None:
    seat = SeatUnderTest()
    _leave(seat, reason, asked)

    seat.run(granted - 0.5)
    assert seat.raised(FAILED) == []

    seat.others_say(Opinion.SILENT, "node-2", seats=(1,))
    seat.run(1.0)
    assert only(seat.raised(FAILED)).with_vms


def test_saying_it_again_prolongs_nothing() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)
    for _ in range(12):
        seat.note(seat.verdicts.left("node-2", BOOT, "upgrade", 10, seat.now))
        seat.run(0.8)
    seat.others_say(Opinion.SILENT, "node-2", seats=(1,))

    seat.run(1.4)

    assert seat.state() is NodeState.FAILED


def test_a_goodbye_of_an_earlier_boot_excuses_nothing() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", "boot-0", "reboot", 300, seat.now))
    seat.lose("node-2")

    seat.run(0.8)

    assert seat.state() is NodeState.FAILED


def test_a_reboot_as_announced_reports_the_vms_that_were_still_there_and_not_the_host() -> None:
    seat = SeatUnderTest()
    _leave(seat, "reboot", 120)

    seat.run(1.0)
    said = only(seat.raised())
    assert (said.kind, said.with_vms, said.boot_id) == (VM_FAILED, True, BOOT)

    seat.return_("node-2", boot="boot-2")
    seat.run(2.0)
    assert seat.state() is NodeState.UP
    assert seat.raised(FAILED) == []


def test_its_vms_are_not_reported_by_one_seat_alone() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", BOOT, "reboot", 120, seat.now))
    seat.run(0.1)
    seat.fall_silent("node-2")

    seat.run(20)

    assert seat.raised() == []


def test_its_vms_are_not_reported_while_it_still_serves() -> None:
    seat = SeatUnderTest()
    _leave(seat, "reboot", 120)
    for _ in range(20):
        seat.probed("node-2", Method.TCP, Outcome.ACCEPTED)
        seat.run(0.1)

    assert seat.raised() == []


def test_a_reboot_faster_than_silence_reports_the_vms_of_the_old_boot() -> None:
    seat = SeatUnderTest()
    seat.note(seat.verdicts.left("node-2", BOOT, "reboot", 120, seat.now))
    seat.run(0.1)

    seat.return_("node-2", boot="boot-2")
    seat.run(0.2)

    said = only(seat.raised())
    assert (said.kind, said.cause, said.boot_id) == (VM_FAILED, "Rebooted", BOOT)


def test_a_host_that_answered_and_goes_quiet_while_its_agent_is_upgraded_has_failed() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)
    for _ in range(20):
        seat.probed("node-2", Method.ICMP, Outcome.ANSWERED)
        seat.run(0.1)
    assert seat.state() is NodeState.LEFT

    seat.run(0.8)

    assert only(seat.raised()).kind is FAILED


def test_answers_after_a_moment_of_doubt_let_the_goodbye_hold() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)
    seat.probed("node-2", Method.TCP, Outcome.ACCEPTED)
    seat.run(0.42)
    assert seat.state() is NodeState.SUSPECT

    seat.probed("node-2", Method.TCP, Outcome.ACCEPTED)
    seat.run(0.3)

    assert seat.state() is NodeState.LEFT
    assert seat.raised() == []


def test_a_seat_that_did_not_get_it_takes_the_word_of_one_that_did() -> None:
    seat = SeatUnderTest()
    seat.lose("node-2", by=Reach.LEFT)

    seat.run(3.0)
    assert seat.state() is NodeState.LEFT
    assert seat.raised() == []

    seat.others_say(Opinion.SILENT, "node-2", seats=(1,))
    seat.run(0.8)
    assert seat.state() is NodeState.FAILED


def test_the_other_seats_are_told_of_it() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)

    seat.run(1.0)

    assert all(said.by & Reach.LEFT for said in seat.said if isinstance(said, CastVote))


def test_a_host_whose_service_answers_no_more_just_after_its_goodbye_has_failed() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)
    for _ in range(14):
        seat.probed("node-2", Method.TCP, Outcome.SILENT)
        seat.run(0.1)

    assert only(seat.raised()).kind is FAILED


def test_a_host_without_a_known_service_is_given_the_time_of_its_goodbye() -> None:
    seat = SeatUnderTest()
    _leave(seat, "upgrade", 10)
    for _ in range(50):
        seat.probed("node-2", Method.ICMP, Outcome.SILENT)
        seat.run(0.1)

    assert seat.state() is NodeState.LEFT
