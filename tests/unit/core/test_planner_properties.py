"""What holds whatever the planner is shown (invariants 1 and 5)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.replicaset.actions import DeleteVm
from nfvi_ha.core.replicaset.planner import plan
from nfvi_ha.core.replicaset.scale import ScaleInPolicy
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, SlotVm, Snapshot

from .builders import (
    GONE,
    created,
    deleting,
    failed_vm,
    make_snapshot,
    make_spec,
    record_of,
    slot_vm,
    unready,
)

SLOT_VMS = st.builds(
    lambda slot, attempt, kind, template, evidence, going: _any_vm(slot, attempt, kind, template, evidence, going),
    st.integers(0, 4),
    st.integers(1, 3),
    st.sampled_from(["ready", "unready", "failed", "lost", "never"]),
    st.sampled_from(["v1", "v2"]),
    st.booleans(),
    st.booleans(),
)


def _any_vm(slot: int, attempt: int, kind: str, template: str, evidence: bool, going: bool) -> SlotVm:
    vm = slot_vm(slot, attempt, template=template)
    if kind in {"failed", "never"}:
        vm = slot_vm(slot, attempt, failed_vm(f"web-{slot}-{attempt}", at=-59), template=template)
        vm = replace(vm, evidence=GONE if evidence or kind == "never" else None)
    elif kind != "ready":
        vm = unready(vm, fault="PodGone" if kind == "lost" else "")
    return deleting(vm) if going else vm


SPECS = st.builds(
    make_spec,
    replicas=st.integers(0, 5),
    template_hash=st.sampled_from(["v1", "v2"]),
    rolling=st.booleans(),
    max_unavailable=st.integers(0, 2),
    max_surge=st.integers(0, 2),
    scale_in=st.sampled_from(ScaleInPolicy),
    prefer_unhealthy=st.booleans(),
    paused=st.booleans(),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    vms = draw(st.lists(SLOT_VMS, max_size=8, unique_by=lambda vm: (vm.slot, vm.attempt)))
    on_record = draw(st.sets(st.integers(0, 4)))
    newest = {vm.slot: vm for vm in sorted(vms, key=lambda vm: vm.attempt)}
    state = draw(st.sampled_from(SlotState))
    records = [record_of(vm, state) for slot, vm in newest.items() if slot in on_record]
    vanished = draw(st.sets(st.integers(0, 4)))
    records += [
        SlotRecord(slot, f"web-{slot}-9", "uid-lost", state=SlotState.READY, attempt=9)
        for slot in vanished - {record.index for record in records}
    ]
    return make_snapshot(*vms, spec=draw(SPECS), records=tuple(records))


@given(snapshot=snapshots())
def test_no_slot_is_filled_that_may_still_have_a_writer(snapshot: Snapshot) -> None:
    decided = plan(snapshot)

    for slot, attempt in created(decided):
        mates = [vm for vm in snapshot.vms if vm.slot == slot]
        lost = [record for record in snapshot.records if record.index == slot and record.uid == "uid-lost"]
        assert all(vm.released for vm in mates)
        assert all(vm.attempt < attempt for vm in mates)
        assert not lost


@given(snapshot=snapshots())
def test_planning_twice_gives_the_same_and_a_paused_set_nothing(snapshot: Snapshot) -> None:
    decided = plan(snapshot)

    assert plan(snapshot) == decided
    assert not snapshot.spec.paused or decided.actions == ()
    assert len({record.index for record in decided.records}) == len(decided.records)


@given(snapshot=snapshots())
def test_what_is_written_down_once_is_not_written_again(snapshot: Snapshot) -> None:
    """Without news the records come to rest: no status write begets another."""
    first = plan(snapshot)
    second = plan(replace(snapshot, records=first.records))
    third = plan(replace(snapshot, records=second.records))

    assert third.records == second.records


@given(snapshot=snapshots())
def test_no_more_ready_vms_are_taken_for_an_update_than_allowed(snapshot: Snapshot) -> None:
    decided = plan(snapshot)
    ready = {vm.vm.uid for vm in snapshot.vms if vm.ready}
    taken = {
        action.uid
        for action in decided.actions
        if isinstance(action, DeleteVm) and action.reason == "RollingUpdate" and action.uid in ready
    }

    assert not taken or len(ready - taken) >= snapshot.spec.replicas - snapshot.spec.max_unavailable
