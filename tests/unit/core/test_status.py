"""The numbers and conditions of a VNFReplicaSet."""

from dataclasses import replace

import pytest

from nfvi_ha.core.replicaset.planner import plan
from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord, SlotState, Snapshot
from nfvi_ha.core.replicaset.status import ConditionValue, conditions, count

from .builders import ended, make_snapshot, make_spec, make_vm, record_of, slot_vm


def judge(snapshot: Snapshot, stalled: float = 0.0) -> dict[str, ConditionValue]:
    records = plan(snapshot).records
    values = conditions(snapshot.spec, count(snapshot, records), records, stalled_seconds=stalled)
    return {value.type: value for value in values}


ALL_READY = make_snapshot(slot_vm(0), slot_vm(1), slot_vm(2))


def test_all_is_well() -> None:
    values = judge(ALL_READY)

    assert {name: value.status for name, value in values.items()} == {
        "Available": True,
        "Progressing": True,
        "Degraded": False,
        "Paused": False,
        "Accepted": True,
    }
    assert values["Progressing"].reason == "Steady"


def test_a_failed_vm_counts_as_failed_and_recovering_and_not_as_a_replica() -> None:
    snapshot = make_snapshot(ended(0), slot_vm(1), slot_vm(2))

    counts = count(snapshot, plan(snapshot).records)

    assert (counts.replicas, counts.ready, counts.failed, counts.recovering) == (2, 2, 1, 1)
    assert judge(snapshot)["Degraded"].status


def test_a_replacement_that_starts_is_recovering_and_no_failure() -> None:
    starting = slot_vm(0, 2, make_vm("web-0-2", ready=False, phase="Scheduling", phase_times=(), node=""))
    snapshot = make_snapshot(ended(0), starting, slot_vm(1), slot_vm(2))

    counts = count(snapshot, plan(snapshot).records)

    assert (counts.replicas, counts.ready, counts.failed, counts.recovering) == (3, 2, 0, 1)


def test_an_update_or_a_deletion_by_a_user_is_no_failure() -> None:
    gone = ended(0)
    gone = replace(gone, vm=replace(gone.vm, phase="Succeeded"))
    snapshot = make_snapshot(gone, slot_vm(1), slot_vm(2))

    assert count(snapshot, plan(snapshot).records).failed == 0
    assert not judge(snapshot)["Degraded"].status


def test_a_vm_that_boots_is_starting_and_not_unready() -> None:
    vm = make_vm()
    booting = slot_vm(0, 1, replace(vm, ready=False, ready_since=dict(vm.phase_times)["Running"]))

    assert plan(make_snapshot(booting)).records[0].state is SlotState.STARTING


@pytest.mark.parametrize(("ready", "available"), [(3, True), (2, True), (1, False), (0, False)])
def test_available_while_no_more_than_max_unavailable_are_missing(ready: int, available: bool) -> None:
    vms = [slot_vm(0), slot_vm(1), slot_vm(2)]
    vms = [vm if vm.slot < ready else replace(vm, vm=replace(vm.vm, ready=False)) for vm in vms]

    assert judge(make_snapshot(*vms))["Available"].status is available


def test_a_single_replica_must_be_ready_to_be_available() -> None:
    unready = replace(slot_vm(0), vm=make_vm(ready=False))

    assert not judge(make_snapshot(unready, spec=make_spec(replicas=1)))["Available"].status
    assert judge(make_snapshot(spec=make_spec(replicas=0)))["Available"].status


def test_no_progress_for_too_long_is_told() -> None:
    snapshot = make_snapshot(slot_vm(0), slot_vm(1))

    assert judge(snapshot, 599)["Progressing"].status
    assert judge(snapshot, 601)["Progressing"].reason == "ProgressDeadlineExceeded"


def test_on_delete_does_not_wait_for_outdated_vms() -> None:
    snapshot = replace(ALL_READY, spec=make_spec(template_hash="v2", rolling=False))

    assert judge(snapshot, 10_000)["Progressing"].reason == "Steady"
    assert judge(replace(ALL_READY, spec=make_spec(template_hash="v2")), 0)["Progressing"].reason == "Updating"


def test_a_paused_set_has_no_deadline() -> None:
    snapshot = make_snapshot(slot_vm(0), spec=make_spec(paused=True))

    values = judge(snapshot, 10_000)

    assert values["Paused"].status
    assert values["Progressing"].status


def test_a_refused_creation_is_told_as_the_reason() -> None:
    blocks = ((2, CreateBlock("TemplateRefused", "spec.domain: no", 5.0)),)
    snapshot = make_snapshot(slot_vm(0), slot_vm(1), blocks=blocks)

    progressing = judge(snapshot)["Progressing"]

    assert (progressing.status, progressing.reason) == (False, "TemplateRefused")
    assert progressing.message == "spec.domain: no"


@pytest.mark.parametrize(
    ("state", "reason"), [(SlotState.HELD, "SlotsHeld"), (SlotState.QUARANTINED, "SlotsQuarantined")]
)
def test_the_worst_slot_gives_the_reason_of_degraded(state: SlotState, reason: str) -> None:
    records = (SlotRecord(0, state=SlotState.BACKOFF), SlotRecord(1, state=state))
    counts = count(make_snapshot(), records)

    values = conditions(make_spec(), counts, records, stalled_seconds=0)

    assert next(value for value in values if value.type == "Degraded").reason == reason


def test_the_record_of_a_vm_says_where_it_is() -> None:
    vm = slot_vm(0)

    assert plan(ALL_READY).records[0] == record_of(vm)
