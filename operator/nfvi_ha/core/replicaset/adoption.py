"""Adopting orphans: VMIs that match the selector and that nobody controls."""

from collections.abc import Iterable, Mapping

from nfvi_ha.api.names import LABEL_ATTEMPT, LABEL_SLOT
from nfvi_ha.core.replicaset.actions import AdoptVm
from nfvi_ha.core.replicaset.scale import in_use
from nfvi_ha.core.replicaset.snapshot import SlotView
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.views import VmView


def adoptions(spec: ReplicaSetSpec, views: Mapping[int, SlotView], orphans: Iterable[VmView]) -> tuple[AdoptVm, ...]:
    """Orphans to adopt: each into the slot its label names if that is free, else into the lowest free one.

    No more than there is room for: what is over is left alone, never deleted, for it may be a stranger's.
    """
    taken = {index for index, view in views.items() if in_use(view)}
    adopted: list[AdoptVm] = []
    for vm in sorted(orphans, key=lambda vm: vm.name):
        if vm.final or vm.deleting:
            continue
        if len(taken) >= spec.replicas:
            break
        wished = _number(vm.label(LABEL_SLOT))
        slot = wished if wished is not None and wished not in taken else _lowest_free(taken)
        taken.add(slot)
        previous = views[slot].attempt if slot in views else 0
        adopted.append(AdoptVm(vm.uid, vm.name, slot, max(_number(vm.label(LABEL_ATTEMPT)) or 0, previous + 1)))
    return tuple(adopted)


def _lowest_free(taken: set[int]) -> int:
    return next(index for index in range(len(taken) + 1) if index not in taken)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else None
