"""Who tells what, when, and under which id."""

from datetime import timedelta
from pathlib import Path

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.ids import incident_id, notification_id
from nfvi_ha.sentinel.entries import WrittenEntry

from .desk import START, Desk, fault

RAISED = notification_id(incident_id(fault().resource, FaultKind.HYPERVISOR_FAILED, 0), 0)
INCIDENT = RAISED.rpartition(".")[0]


def test_seat_0_tells_in_the_very_call(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.teller.raise_fault(fault(), 0)
    assert desk.submitted == [("hypervisor.failed", "vim")]
    assert RAISED in desk.notifications


def test_a_fault_that_is_known_is_not_told_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    first = desk.teller.raise_fault(fault(), 0)
    assert desk.teller.raise_fault(fault(detected_at=START + timedelta(seconds=1)), 0) == first
    assert len(desk.submitted) == 1


def test_seat_2_waits_for_both_before_it_and_for_one_if_the_other_is_silent(tmp_path: Path) -> None:
    for alive, seconds in (((0, 1, 2), 0.2), ((1, 2), 0.1), ((2,), 0.0)):
        desk = Desk(tmp_path, seat=2, alive=alive)
        desk.teller.raise_fault(fault(), 0)
        desk.advance(seconds - 0.001)
        assert not desk.submitted or not seconds
        desk.advance(0.002)
        assert desk.submitted == [("hypervisor.failed", "vim")]


def test_where_another_seat_delivered_it_is_not_told_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, seat=1)
    desk.endpoints = ["oss", "vim"]
    desk.teller.raise_fault(fault(), 0)
    desk.teller.told(0, RAISED, ["vim"])
    desk.advance(1)
    assert desk.submitted == [("hypervisor.failed", "oss")]


def test_word_of_a_delivery_that_came_before_we_saw_the_fault_counts(tmp_path: Path) -> None:
    desk = Desk(tmp_path, seat=1)
    desk.teller.told(0, RAISED, ["vim"])
    desk.teller.raise_fault(fault(), 0)
    desk.advance(1)
    assert desk.submitted == []
    assert [note.state for note in desk.ledger.of(INCIDENT)] == ["Delivered"], "the record says so, too"


def test_without_word_of_a_delivery_the_double_has_the_same_id(tmp_path: Path) -> None:
    ids = set()
    for seat in range(3):
        desk = Desk(tmp_path, seat=seat)
        desk.teller.raise_fault(fault(detected_at=START + timedelta(milliseconds=seat)), 0)
        desk.advance(1)
        ids |= set(desk.notifications)
    assert ids == {RAISED}


def test_a_delivery_is_told_to_the_other_seats(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.endpoints = ["oss", "vim"]
    desk.teller.raise_fault(fault(), 0)
    desk.delivered(RAISED)
    desk.delivered(RAISED, "oss")
    assert desk.told == [(RAISED, frozenset({"vim"})), (RAISED, frozenset({"oss", "vim"}))]


def test_a_seat_without_history_uses_the_episode_that_its_observer_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    raised = desk.teller.raise_fault(fault(), 4)
    assert raised is not None
    assert raised.id == incident_id(fault().resource, FaultKind.HYPERVISOR_FAILED, 4)


def test_an_old_fault_seen_again_after_its_end_stays_ended_and_a_new_one_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.teller.raise_fault(fault(), 0)
    desk.advance(5)
    desk.teller.clear(fault().resource, FaultKind.HYPERVISOR_FAILED, "heard again")
    assert desk.teller.raise_fault(fault(), 0) is None
    again = desk.teller.raise_fault(fault(detected_at=START + timedelta(seconds=6)), 0)
    assert again is not None
    assert again.episode == 1


def test_a_clear_is_not_sent_where_the_raise_is_the_operators_to_deliver(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.endpoints = ["oss", "vim"]
    desk.teller.raise_fault(fault(), 0)
    desk.delivered(RAISED, "oss")
    desk.advance(1)
    desk.handover.written(INCIDENT, WrittenEntry(steps=1))
    desk.teller.clear(fault().resource, FaultKind.HYPERVISOR_FAILED, "heard again")
    assert desk.submitted[2:] == [("hypervisor.recovered", "oss")]


def test_a_clear_follows_its_raise_while_nobody_else_has_the_record(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.scribe = False
    desk.teller.raise_fault(fault(), 0)
    desk.teller.clear(fault().resource, FaultKind.HYPERVISOR_FAILED, "heard again")
    assert [type_ for type_, _ in desk.submitted] == ["hypervisor.failed", "hypervisor.recovered"]
    sequences = [notification.sequence for notification in desk.notifications.values()]
    assert sequences == sorted(set(sequences))


def test_the_parent_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.teller.raise_fault(fault(parent="nfvi-mass-failure-1"), 0)
    assert desk.notifications[RAISED].parent == "nfvi-mass-failure-1"
