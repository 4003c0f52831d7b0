"""The plan: what to do now to keep the VNF's VMs at their number (H8, invariants 1 and 5).

Level-triggered and pure: planning twice from the same snapshot gives the same actions, and doing them twice does no
harm. The order of the steps is the policy.
"""

from dataclasses import dataclass, replace

from nfvi_ha.api.names import FINALIZER_EVIDENCE
from nfvi_ha.core.replicaset.actions import Action, AdoptVm, CreateVm, DeleteVm, RetireVm
from nfvi_ha.core.replicaset.adoption import adoptions
from nfvi_ha.core.replicaset.backoff import early_failures
from nfvi_ha.core.replicaset.scale import SlotSets, choose_slots, in_use, outdated
from nfvi_ha.core.replicaset.snapshot import (
    RELEASED_STATES,
    SlotRecord,
    SlotState,
    SlotView,
    SlotVm,
    Snapshot,
    slot_views,
)
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.replicaset.update import rolling_deletions
from nfvi_ha.core.replicaset.vacancy import Filling, fill

REASON_SCALE_IN = "ScaleIn"
REASON_SUPERSEDED = "Superseded"
REASON_VANISHED = "VanishedWithoutEvidence"
REASON_NO_EVIDENCE = "NoEvidence"
REASON_SCALING_IN = "ScalingIn"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, what to write into ``status.slots``, and when to plan again at the latest."""

    actions: tuple[Action, ...]
    records: tuple[SlotRecord, ...]
    wake_after_seconds: float | None = None
    active: tuple[int, ...] = ()


def plan(snapshot: Snapshot) -> Plan:
    """Plan from a snapshot. A paused set is only observed, one that is going away only let go of."""
    spec = snapshot.spec
    views = slot_views(snapshot)
    if spec.deleting:
        return _let_go(views)
    if spec.paused:
        return _observe(spec, views)
    adopted = adoptions(spec, views, snapshot.orphans)
    slots = choose_slots(spec, views)
    if adopted:
        # What is adopted shows up as a VM of ours in the next snapshot; opening slots before would fill its place.
        # The slots in use are kept up: an orphan that cannot be adopted must not stop a replacement.
        slots = replace(slots, active=tuple(index for index in slots.active if index in views and in_use(views[index])))
    active = {index: views.get(index, SlotView(index, (), SlotRecord(index))) for index in slots.active}
    fillings = {
        index: fill(view, spec, snapshot.now)
        for index, view in active.items()
        if not view.occupants and not view.vanished
    }
    actions: list[Action] = [*adopted, *(filling.create for filling in fillings.values() if filling.create)]
    actions += rolling_deletions(spec, active.values())
    actions += _superseded(active)
    actions += _leave(views, slots)
    actions += _retirements(views, slots)
    wakes = [filling.wake_after_seconds for filling in fillings.values() if filling.wake_after_seconds is not None]
    leaving = {index: views[index] for index in slots.leaving}
    return Plan(
        tuple(actions),
        tuple(_records(spec, active | leaving, fillings, slots)),
        min(wakes, default=None),
        slots.active,
    )


def _let_go(views: dict[int, SlotView]) -> Plan:
    """The set is being deleted: its VMs need no evidence, for no slot will be filled again.

    A failure that was seen is written down first (invariant 2).
    """
    vms = [vm for view in views.values() for vm in view.vms if vm.vm.deleting and vm.recorded and not _let_gone(vm)]
    return Plan(tuple(RetireVm(vm.vm.uid, vm.vm.name, vm.slot, delete=False) for vm in vms), ())


def _observe(spec: ReplicaSetSpec, views: dict[int, SlotView]) -> Plan:
    return Plan((), tuple(_records(spec, views, {})), active=tuple(views))


def _superseded(active: dict[int, SlotView]) -> list[DeleteVm]:
    """More than one VM in a slot is nobody's plan: keep the one that serves, else the newest."""
    deletions = []
    for view in active.values():
        if len(view.occupants) < 2:
            continue
        kept = max(view.occupants, key=lambda vm: (vm.ready, not vm.vm.final, not vm.vm.deleting, vm.attempt))
        deletions += [
            DeleteVm(vm.vm.uid, vm.vm.name, view.index, REASON_SUPERSEDED)
            for vm in view.occupants
            if vm is not kept and not vm.vm.deleting and not vm.vm.final
        ]
    return deletions


def _leave(views: dict[int, SlotView], slots: SlotSets) -> list[DeleteVm]:
    return [
        DeleteVm(vm.vm.uid, vm.vm.name, index, REASON_SCALE_IN)
        for index in slots.leaving
        for vm in views[index].occupants
        if not vm.vm.deleting
    ]


def _retirements(views: dict[int, SlotView], slots: SlotSets) -> list[RetireVm]:
    """Ended VMs that have a successor, or need none, once all that must be remembered of them is written."""
    retirements = []
    for index, view in views.items():
        newest = view.occupants[-1].attempt if view.occupants else -1
        for vm in view.vms:
            succeeded = vm.attempt < newest or index in slots.leaving
            # Its early failure is counted from the object until the record speaks of its successor.
            moved_on = view.record.uid != vm.vm.uid and view.record.attempt >= vm.attempt
            given_up = index in slots.leaving and view.record.state in RELEASED_STATES
            remembered = vm.recorded and (moved_on or given_up)
            if vm.released and succeeded and remembered and not _let_gone(vm):
                retirements.append(RetireVm(vm.vm.uid, vm.vm.name, index, delete=not vm.vm.deleting))
    return retirements


def _let_gone(vm: SlotVm) -> bool:
    """Nothing of ours is left to do; KubeVirt may keep the object for long, on a silent node for ever."""
    return vm.vm.deleting and FINALIZER_EVIDENCE not in vm.vm.finalizers


def _records(
    spec: ReplicaSetSpec, views: dict[int, SlotView], fillings: dict[int, Filling], slots: SlotSets | None = None
) -> list[SlotRecord]:
    leaving = slots.leaving if slots else ()
    records = []
    for index, view in sorted(views.items()):
        if index in fillings:
            records.append(fillings[index].record)
        elif view.vanished:
            # Before any older VM in the slot: to write that one down would be to forget the one that vanished.
            message = f"VM {view.record.vmi} left the API and nobody said that it ended; it may still run"
            records.append(replace(view.record, state=SlotState.HELD, reason=REASON_VANISHED, message=message))
        elif view.occupants:
            records.append(_occupied(spec, view, max(view.occupants, key=lambda vm: (vm.ready, vm.attempt))))
        elif view.vms:
            records.append(_ended(spec, view, leaving=index in leaving))
        elif index not in leaving:
            records.append(view.record)
    return records


def _occupied(spec: ReplicaSetSpec, view: SlotView, occupant: SlotVm) -> SlotRecord:
    vm = occupant.vm
    reason = message = ""
    if vm.final:
        # Also when its deletion was asked for: it is not the deletion that the slot waits for.
        state, reason = SlotState.HELD, occupant.fault or REASON_NO_EVIDENCE
        message = f"phase {vm.phase}, and nobody on node {vm.node or '(none)'} confirmed the end"
    elif vm.deleting:
        state = SlotState.UPDATING if outdated(view, spec) else SlotState.DELETING
    elif occupant.fault:
        state, reason = SlotState.HELD, occupant.fault
        message = f"no evidence that {vm.name} ended: not replaced, lest two VMs write"
    elif occupant.ready:
        state = SlotState.READY
    elif vm.lost_readiness:
        state, reason = SlotState.UNREADY, vm.ready_reason
    else:
        state, reason = SlotState.STARTING if vm.node else SlotState.PENDING, vm.ready_reason
    return SlotRecord(
        view.index, vm.name, vm.uid, vm.node, state, reason, message, occupant.attempt, early_failures(view, spec)
    )


def _ended(spec: ReplicaSetSpec, view: SlotView, *, leaving: bool) -> SlotRecord:
    """A slot whose VM ended and that is not being filled: it leaves, or the set is paused."""
    last = view.latest
    if last is None:
        return view.record
    state = SlotState.EMPTY if leaving or last.asked_to_end else SlotState.FAILED
    reason = REASON_SCALING_IN if leaving else ""
    failures = early_failures(view, spec)
    return SlotRecord(view.index, last.vm.name, last.vm.uid, last.vm.node, state, reason, "", last.attempt, failures)


__all__ = ["AdoptVm", "CreateVm", "DeleteVm", "Plan", "RetireVm", "plan"]
