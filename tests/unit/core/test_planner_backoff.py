"""Waiting after early failures: never a hot loop of creations (H8)."""

from dataclasses import replace

import pytest

from nfvi_ha.core.replicaset.planner import Plan, plan
from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord, SlotState, SlotVm
from nfvi_ha.core.replicaset.spec import BackoffPolicy

from .builders import (
    READY,
    after,
    created,
    deleting,
    ended,
    make_snapshot,
    make_spec,
    record_of,
    slot_vm,
    states,
    unready,
)

POLICY = BackoffPolicy(initial_seconds=10, max_seconds=60, max_early_failures=4)
WAITING = make_spec(replicas=1, backoff=POLICY)


def early(attempt: int, **values: object) -> SlotVm:
    """Failed a second after it was Running."""
    return ended(0, attempt, at=-59, **values)  # type: ignore[arg-type]


def after_failures(failures: int, now: float = 0, state: SlotState = SlotState.STARTING, **values: object) -> Plan:
    """The slot's VM just failed early, for the so manieth time in a row."""
    vm = early(failures)
    known = record_of(vm, state, early_failures=failures - 1)
    return plan(make_snapshot(vm, spec=replace(WAITING, **values), records=(known,), now=after(now)))  # type: ignore[arg-type]


def test_the_first_early_failure_is_free() -> None:
    assert created(after_failures(1)) == [(0, 2)]


@pytest.mark.parametrize(("failures", "seconds"), [(2, 10), (3, 20)])
def test_waits_grow_and_differ_by_a_fifth_at_most(failures: int, seconds: float) -> None:
    decided = after_failures(failures)

    assert decided.actions == ()
    assert states(decided) == {0: SlotState.BACKOFF}
    assert decided.wake_after_seconds == pytest.approx(seconds, rel=0.2)


def test_a_wait_is_not_begun_anew_by_planning_again() -> None:
    vm = early(2)
    first = after_failures(2)
    wait = first.wake_after_seconds
    assert wait is not None

    def again(now: float, records: tuple[SlotRecord, ...]) -> Plan:
        return plan(make_snapshot(vm, spec=WAITING, records=records, now=after(now)))

    assert again(wait / 2, first.records).wake_after_seconds == pytest.approx(wait / 2)
    due = again(wait, first.records)
    assert created(due) == [(0, 3)]
    assert created(again(wait + 0.01, due.records)) == [(0, 3)]


def test_a_slot_that_fails_too_often_is_given_up() -> None:
    decided = after_failures(4)

    assert decided.actions == ()
    assert decided.wake_after_seconds is None
    assert states(decided) == {0: SlotState.QUARANTINED}
    assert states(after_failures(50, backoff=replace(POLICY, max_early_failures=0))) == {0: SlotState.BACKOFF}


QUARANTINED = record_of(early(4), SlotState.QUARANTINED, early_failures=4)


def test_a_new_template_or_a_deletion_by_hand_ends_the_quarantine() -> None:
    def attempt(*vms: SlotVm, **values: object) -> list[tuple[int, int]]:
        spec = replace(WAITING, **values)  # type: ignore[arg-type]
        return created(plan(make_snapshot(*vms, spec=spec, records=(QUARANTINED,))))

    assert attempt(early(4)) == []
    assert attempt(early(4), template_hash="v2") == [(0, 5)]
    assert attempt(deleting(early(4))) == [(0, 5)]
    assert attempt() == [(0, 5)]


def test_a_vm_that_was_stable_counts_as_no_early_failure() -> None:
    vm = ended(0, 2, at=1)
    known = record_of(vm, early_failures=3)

    decided = plan(make_snapshot(vm, spec=WAITING, records=(known,)))

    assert created(decided) == [(0, 3)]
    assert decided.records[0].early_failures == 0


@pytest.mark.parametrize("state", [SlotState.FAILED, SlotState.BACKOFF, SlotState.QUARANTINED, SlotState.EMPTY])
def test_a_failure_on_record_is_not_counted_again(state: SlotState) -> None:
    vm = early(2)
    known = record_of(vm, state, early_failures=2)

    decided = plan(make_snapshot(vm, spec=replace(WAITING, paused=True), records=(known,)))

    assert decided.records[0].early_failures == 2


def test_our_own_clearing_away_does_not_reset_the_count() -> None:
    old, new = deleting(early(3)), unready(slot_vm(0, 4))
    known = record_of(new, SlotState.STARTING, early_failures=3)

    assert plan(make_snapshot(old, new, spec=WAITING, records=(known,))).records[0].early_failures == 3


def test_an_ended_vm_newer_than_the_one_in_the_slot_is_not_counted_at_every_look() -> None:
    vms = (slot_vm(0, 1), early(2))
    first = plan(make_snapshot(*vms, spec=WAITING, records=()))

    again = plan(make_snapshot(*vms, spec=WAITING, records=first.records))

    assert again.records == first.records


def test_a_refused_creation_is_not_repeated_until_its_time() -> None:
    def refused(seconds: float) -> Plan:
        return plan(make_snapshot(*READY[:2], blocks=((2, CreateBlock("TemplateRefused", "no", seconds)),)))

    assert refused(3.0).actions == ()
    assert refused(3.0).wake_after_seconds == 3.0
    assert created(refused(0.0)) == [(2, 1)]
    assert refused(0.0).records[2].reason == "TemplateRefused"
