"""Which slots the VNF has: those in use, those to leave on scale-in, those to open on scale-out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nfvi_ha.core.replicaset.backoff import template_hash
from nfvi_ha.core.replicaset.snapshot import SlotState, SlotView
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec, ScaleInPolicy


@dataclass(frozen=True, slots=True)
class SlotSets:
    """``active`` slots are kept filled (some may not exist yet); ``leaving`` ones are emptied."""

    active: tuple[int, ...]
    leaving: tuple[int, ...]


def choose_slots(spec: ReplicaSetSpec, views: Mapping[int, SlotView]) -> SlotSets:
    """Slots to keep and slots to empty, so that never more than replicas plus surge exist.

    A slot that is leaving still counts until its VM has ended: an index is not opened for a VM that may yet write.
    """
    used = [index for index, view in views.items() if in_use(view)]
    target = spec.replicas + _surge(spec, views)
    if len(used) > target:
        leaving = sorted(used, key=lambda index: _victim_key(spec, views[index]))[: len(used) - target]
        return SlotSets(tuple(index for index in used if index not in leaving), tuple(sorted(leaving)))
    free = (index for index in range(len(views) + target) if index not in used)
    opened = [next(free) for _ in range(target - len(used))]
    return SlotSets(tuple(sorted(used + opened)), ())


def in_use(view: SlotView) -> bool:
    """Whether the slot has a VM, or had one that it remembers."""
    return bool(view.vms) or view.vanished or view.record.state in {SlotState.FAILED, *WAITING_STATES}


WAITING_STATES = frozenset({SlotState.BACKOFF, SlotState.QUARANTINED})


def outdated(view: SlotView, spec: ReplicaSetSpec) -> bool:
    """Whether the slot's one VM was made from another template."""
    occupants = view.occupants
    return len(occupants) == 1 and template_hash(occupants[0]) != spec.template_hash


def _surge(spec: ReplicaSetSpec, views: Mapping[int, SlotView]) -> int:
    """Extra slots while a rolling update is under way and VMs of the old template still run."""
    if not spec.rolling:
        return 0
    return min(spec.max_surge, sum(1 for view in views.values() if outdated(view, spec)))


def _victim_key(spec: ReplicaSetSpec, view: SlotView) -> tuple[float, ...]:
    """Sorts the slot that should go first to the front.

    A slot keeps its place in the order when its VM has ended: else the next one would be chosen beside it.
    """
    occupants = view.occupants
    judged = occupants or view.vms[-1:]
    going = bool(judged) and all(vm.vm.deleting for vm in judged)
    unhealthy = spec.prefer_unhealthy and not any(vm.ready and not vm.fault for vm in occupants)
    created = min((vm.vm.created_at or _NEVER for vm in judged), default=_NEVER).timestamp()
    age_key = {
        ScaleInPolicy.HIGHEST_INDEX: 0.0,
        ScaleInPolicy.NEWEST_FIRST: -created,
        ScaleInPolicy.OLDEST_FIRST: created,
    }[spec.scale_in]
    return (not going, not unhealthy, age_key, -view.index)


_NEVER = datetime.max.replace(tzinfo=UTC)
