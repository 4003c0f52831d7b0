"""Scaling, updating and adopting: which VMs there are to be (H8)."""

from dataclasses import replace

import pytest

from nfvi_ha.core.replicaset.actions import AdoptVm, CreateVm, RetireVm
from nfvi_ha.core.replicaset.planner import plan
from nfvi_ha.core.replicaset.scale import ScaleInPolicy
from nfvi_ha.core.replicaset.snapshot import SlotState

from .builders import (
    GONE,
    READY,
    T0,
    after,
    created,
    deleted,
    deleting,
    ended,
    make_snapshot,
    make_spec,
    make_vm,
    slot_vm,
    states,
    unready,
)

# Scaling


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (ScaleInPolicy.HIGHEST_INDEX, [1, 2]),
        (ScaleInPolicy.NEWEST_FIRST, [0, 1]),
        (ScaleInPolicy.OLDEST_FIRST, [1, 2]),
    ],
)
def test_scale_in_takes_those_the_policy_names(policy: ScaleInPolicy, gone: list[int]) -> None:
    ages = {0: -10, 1: -20, 2: -30}
    vms = [replace(vm, vm=replace(vm.vm, created_at=after(ages[vm.slot]))) for vm in READY]

    assert deleted(plan(make_snapshot(*vms, spec=make_spec(replicas=1, scale_in=policy)))) == gone


@pytest.mark.parametrize("prefer", [True, False])
def test_scale_in_prefers_the_unhealthy_if_asked_to(prefer: bool) -> None:
    vms = (unready(READY[0]), *READY[1:])

    assert deleted(plan(make_snapshot(*vms, spec=make_spec(replicas=2, prefer_unhealthy=prefer)))) == [
        0 if prefer else 2
    ]


def test_a_vm_with_an_open_fault_is_unhealthy_though_it_still_says_ready() -> None:
    vms = (replace(READY[0], fault="PausedIOError"), *READY[1:])

    assert deleted(plan(make_snapshot(*vms, spec=make_spec(replicas=2, prefer_unhealthy=True)))) == [0]


@pytest.mark.parametrize("policy", list(ScaleInPolicy))
@pytest.mark.parametrize("stage", ["asked", "ended"])
def test_scale_in_goes_on_with_the_slot_it_began_with(policy: ScaleInPolicy, stage: str) -> None:
    going = deleting(READY[1], evidence=GONE if stage == "ended" else None)
    spec = make_spec(replicas=2, scale_in=policy, prefer_unhealthy=False)

    decided = plan(make_snapshot(READY[0], going, READY[2], spec=spec))

    assert deleted(decided) == []
    assert created(decided) == []


def test_a_slot_that_left_is_forgotten_once_its_vm_is_gone() -> None:
    spec = make_spec(replicas=2)
    gone = deleting(READY[2], evidence=GONE)
    first = plan(make_snapshot(*READY[:2], gone, spec=spec))
    second = plan(make_snapshot(*READY[:2], gone, spec=spec, records=first.records))
    third = plan(make_snapshot(*READY[:2], spec=spec, records=second.records))

    assert states(first)[2] is SlotState.EMPTY
    assert first.actions == ()
    assert second.actions == (RetireVm("uid-web-2-1", "web-2-1", 2, delete=False),)
    assert second.records == first.records
    assert [record.index for record in third.records] == [0, 1]


def test_a_lost_vm_that_leaves_still_takes_its_place() -> None:
    lost = slot_vm(2, fault="PodGone")

    decided = plan(make_snapshot(*READY[:2], deleting(lost), spec=make_spec(replicas=2)))

    assert decided.actions == ()
    assert 2 in states(decided)


# Updating

V2 = {"template_hash": "v2"}


@pytest.mark.parametrize(("unavailable", "gone"), [(1, [2]), (2, [2, 1]), (3, [2, 1, 0])])
def test_a_rolling_update_takes_no_more_than_max_unavailable(unavailable: int, gone: list[int]) -> None:
    assert deleted(plan(make_snapshot(*READY, spec=make_spec(**V2, max_unavailable=unavailable)))) == gone


def test_a_rolling_update_waits_while_others_are_not_ready() -> None:
    assert deleted(plan(make_snapshot(*READY[:2], unready(slot_vm(2, 2, template="v2")), spec=make_spec(**V2)))) == []
    assert deleted(plan(make_snapshot(ended(0), *READY[1:], spec=make_spec(**V2)))) == []


def test_outdated_vms_that_are_not_ready_go_first_unless_they_are_lost() -> None:
    assert deleted(plan(make_snapshot(unready(READY[0]), *READY[1:], spec=make_spec(**V2)))) == [0]
    assert deleted(plan(make_snapshot(unready(READY[0], fault="PodGone"), *READY[1:], spec=make_spec(**V2)))) == []


def test_surge_opens_one_more_slot_and_closes_it_at_the_end() -> None:
    spec = make_spec(**V2, max_unavailable=0, max_surge=1, prefer_unhealthy=False)
    updated = [slot_vm(index, 2, template="v2") for index in (1, 2, 3)]

    assert created(plan(make_snapshot(*READY, spec=spec))) == [(3, 1)]
    assert deleted(plan(make_snapshot(*READY, spec=spec))) == []
    assert deleted(plan(make_snapshot(*READY, slot_vm(3, template="v2"), spec=spec))) == [2]
    last = deleting(READY[0], evidence=GONE)
    decided = plan(make_snapshot(last, *updated, spec=spec))
    assert (created(decided), deleted(decided)) == ([], [])
    assert states(decided)[0] is SlotState.EMPTY


def test_on_delete_leaves_outdated_vms_and_replaces_ended_ones_by_the_new_template() -> None:
    spec = make_spec(**V2, rolling=False, max_surge=1)

    assert plan(make_snapshot(*READY, spec=spec)).actions == ()
    assert created(plan(make_snapshot(ended(0), *READY[1:], spec=spec))) == [(0, 2)]


# Orphans


def test_orphans_are_adopted_into_the_slot_they_name_else_the_lowest_free_one() -> None:
    orphans = (make_vm("a"), make_vm("b", labels=(("nfvi-ha.io/attempt", "4"), ("nfvi-ha.io/slot", "1"))))

    decided = plan(make_snapshot(slot_vm(2), orphans=orphans))

    assert decided.actions == (AdoptVm("uid-a", "a", 0, 1), AdoptVm("uid-b", "b", 1, 4))


@pytest.mark.parametrize("values", [{"phase": "Failed"}, {"deleting_since": T0}])
def test_orphans_that_end_are_left_alone(values: dict[str, object]) -> None:
    decided = plan(make_snapshot(*READY[:2], orphans=(make_vm("a", **values),)))

    assert decided.actions == (CreateVm(2, 1),)


def test_there_is_no_more_adoption_than_room() -> None:
    assert plan(make_snapshot(*READY, orphans=(make_vm("a"),))).actions == ()


def test_an_orphan_that_waits_for_adoption_does_not_stop_a_replacement() -> None:
    decided = plan(make_snapshot(ended(0), READY[1], orphans=(make_vm("a"),)))

    assert decided.actions == (AdoptVm("uid-a", "a", 2, 1), CreateVm(0, 2, "uid-web-0-1"))
