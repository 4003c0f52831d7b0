"""Filling, holding, letting go and doubling: what becomes of each slot (H8, invariant 1)."""

from dataclasses import replace

import pytest

from nfvi_ha.core.replicaset.actions import CreateVm, DeleteVm, RetireVm
from nfvi_ha.core.replicaset.planner import plan
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, SlotVm

from .builders import (
    GONE,
    READY,
    created,
    deleting,
    ended,
    failed_vm,
    make_snapshot,
    make_spec,
    record_of,
    slot_vm,
    states,
    unready,
)

# Filling


@pytest.mark.parametrize("paused", [False, True])
def test_a_record_does_not_step_back_to_an_older_vm_that_is_still_there(paused: bool) -> None:
    """The later one ended on request and is gone; were its attempt forgotten, its name would be given again."""
    older = deleting(ended(0, 11))
    gone = SlotRecord(0, "web-0-12", "uid-web-0-12", state=SlotState.EMPTY, attempt=12)

    decided = plan(
        make_snapshot(older, *READY[1:], records=(gone, *map(record_of, READY[1:])), spec=make_spec(paused=paused))
    )

    assert (decided.records[0].vmi, decided.records[0].attempt) == ("web-0-12", 12)
    assert created(decided) == ([] if paused else [(0, 13)])


def test_an_empty_set_is_filled_at_once() -> None:
    assert plan(make_snapshot()).actions == (CreateVm(0, 1), CreateVm(1, 1), CreateVm(2, 1))


def test_a_full_set_is_left_alone() -> None:
    decided = plan(make_snapshot(*READY))

    assert decided.actions == ()
    assert set(states(decided).values()) == {SlotState.READY}


def test_a_vm_that_ended_is_replaced_at_once() -> None:
    decided = plan(make_snapshot(ended(0), *READY[1:]))

    assert decided.actions == (CreateVm(0, 2, "uid-web-0-1"),)
    assert states(decided)[0] is SlotState.FAILED


@pytest.mark.parametrize(
    ("what", "vm"),
    [
        ("failed, and nobody on the node said so", slot_vm(0, vm=failed_vm(), fault="FailedByController")),
        ("its pod is gone", slot_vm(0, fault="PodGone")),
        ("not ready", unready(slot_vm(0), fault="NodeNotReady")),
        ("final, not to be reported, no evidence", slot_vm(0, vm=failed_vm())),
        ("deleted by a user, Failed by virt-controller", deleting(slot_vm(0, vm=failed_vm()))),
    ],
)
def test_no_replacement_without_evidence(what: str, vm: SlotVm) -> None:
    decided = plan(make_snapshot(vm, *READY[1:]))

    assert created(decided) == [], what
    assert states(decided)[0] is SlotState.HELD


def test_a_vm_that_is_being_deleted_is_waited_for() -> None:
    decided = plan(make_snapshot(deleting(READY[0]), *READY[1:]))

    assert decided.actions == ()
    assert states(decided)[0] is SlotState.DELETING


def test_a_vm_that_vanished_from_the_api_is_held_and_stays_held() -> None:
    decided = plan(make_snapshot(*READY[1:], records=tuple(record_of(vm) for vm in READY)))
    again = plan(make_snapshot(*READY[1:], records=decided.records))

    assert decided.actions == again.actions == ()
    assert states(again)[0] is SlotState.HELD
    assert again.records == decided.records


@pytest.mark.parametrize("evidence", [GONE, None])
def test_an_older_vm_says_nothing_about_the_one_that_vanished(evidence: object) -> None:
    older = ended(0, 1, evidence=evidence)
    vanished = SlotRecord(0, "web-0-2", "uid-web-0-2", "node-2", SlotState.READY, attempt=2)

    decided = plan(make_snapshot(older, *READY[1:], records=(vanished, *(record_of(vm) for vm in READY[1:]))))

    assert created(decided) == []
    assert decided.records[0].uid == "uid-web-0-2"
    assert decided.records[0].state is SlotState.HELD


def test_a_vm_that_ended_and_is_gone_is_no_loss() -> None:
    known = SlotRecord(0, "web-0-1", "uid-web-0-1", state=SlotState.FAILED, attempt=1)

    assert created(plan(make_snapshot(*READY[1:], records=(known,)))) == [(0, 2)]


def test_a_replacement_met_after_a_crash_is_not_made_again() -> None:
    old, new = ended(0), unready(slot_vm(0, 2))

    decided = plan(make_snapshot(old, new, *READY[1:], records=(record_of(old), *map(record_of, READY[1:]))))

    assert created(decided) == []
    assert decided.records[0].uid == "uid-web-0-2"


# Retiring


def retired(old: SlotVm, record: SlotRecord, *, successor: bool = True) -> list[RetireVm]:
    vms = (old, slot_vm(0, 2), *READY[1:]) if successor else (old, *READY[1:])
    decided = plan(make_snapshot(*vms, records=(record, *map(record_of, READY[1:]))))
    return [action for action in decided.actions if isinstance(action, RetireVm)]


SUCCESSOR_ON_RECORD = SlotRecord(0, "web-0-2", "uid-web-0-2", state=SlotState.STARTING, attempt=2)


def test_a_failed_vm_is_let_go_when_all_is_on_record() -> None:
    assert retired(ended(0), SUCCESSOR_ON_RECORD) == [RetireVm("uid-web-0-1", "web-0-1", 0, delete=True)]
    assert retired(deleting(ended(0)), SUCCESSOR_ON_RECORD) == [RetireVm("uid-web-0-1", "web-0-1", 0, delete=False)]


def test_a_failed_vm_is_kept_until_its_successor_exists_its_incident_is_written_and_the_slot_moved_on() -> None:
    assert retired(ended(0), record_of(ended(0), SlotState.FAILED), successor=False) == []
    assert retired(ended(0, recorded=False), SUCCESSOR_ON_RECORD) == []
    assert retired(ended(0), record_of(ended(0), SlotState.FAILED)) == []
    assert retired(replace(ended(0), evidence=None), SUCCESSOR_ON_RECORD) == []


def test_what_was_let_go_is_not_let_go_again_while_kubevirt_keeps_it() -> None:
    old = deleting(ended(0))
    old = replace(old, vm=replace(old.vm, finalizers=("kubevirt.io/foregroundDeleteVirtualMachine",)))

    assert retired(old, SUCCESSOR_ON_RECORD) == []


# Duplicates


def test_of_two_vms_in_a_slot_the_one_that_serves_is_kept() -> None:
    assert plan(make_snapshot(slot_vm(0), unready(slot_vm(0, 2)), *READY[1:])).actions == (
        DeleteVm("uid-web-0-2", "web-0-2", 0, "Superseded"),
    )
    assert plan(make_snapshot(unready(slot_vm(0)), slot_vm(0, 2), *READY[1:])).actions == (
        DeleteVm("uid-web-0-1", "web-0-1", 0, "Superseded"),
    )


def test_a_vm_that_ended_without_evidence_is_kept_beside_its_successor() -> None:
    old = slot_vm(0, vm=failed_vm())

    assert plan(make_snapshot(old, unready(slot_vm(0, 2)), *READY[1:])).actions == ()


# Pausing and deleting the set


def test_a_paused_set_is_only_watched() -> None:
    decided = plan(make_snapshot(ended(0), *READY[1:], spec=make_spec(replicas=5, paused=True)))

    assert decided.actions == ()
    assert states(decided)[0] is SlotState.FAILED


def test_a_set_that_goes_lets_go_of_its_vms_and_makes_none() -> None:
    decided = plan(make_snapshot(deleting(READY[0]), READY[1], spec=make_spec(deleting=True)))

    assert decided.actions == (RetireVm("uid-web-0-1", "web-0-1", 0, delete=False),)


def test_a_set_that_goes_waits_for_the_record_of_a_failure() -> None:
    owed = deleting(ended(0, recorded=False))

    assert plan(make_snapshot(owed, spec=make_spec(deleting=True))).actions == ()
