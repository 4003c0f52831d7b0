"""Rolling updates: which outdated VMs may go now."""

from collections.abc import Iterable

from nfvi_ha.core.replicaset.actions import DeleteVm
from nfvi_ha.core.replicaset.scale import outdated
from nfvi_ha.core.replicaset.snapshot import SlotView
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec

REASON_UPDATE = "RollingUpdate"


def rolling_deletions(spec: ReplicaSetSpec, active: Iterable[SlotView]) -> list[DeleteVm]:
    """Outdated VMs to delete now, so that at least replicas - maxUnavailable stay ready.

    Those that are not ready go first and cost nothing, unless they are lost from sight: deleting what cannot be
    reached brings nothing. A new template that does not become ready stops the update by itself.
    """
    views = list(active)
    if not spec.rolling:
        return []
    ready = sum(1 for view in views for vm in view.occupants if vm.ready)
    budget = ready - (spec.replicas - spec.max_unavailable)
    deletions: list[DeleteVm] = []
    candidates = [view for view in views if outdated(view, spec) and not view.occupants[0].vm.deleting]
    for view in sorted(candidates, key=lambda view: (view.occupants[0].ready, -view.index)):
        occupant = view.occupants[0]
        if not occupant.ready and occupant.fault:
            continue
        if occupant.ready:
            if budget <= 0:
                continue
            budget -= 1
        deletions.append(DeleteVm(occupant.vm.uid, occupant.vm.name, view.index, REASON_UPDATE))
    return deletions
