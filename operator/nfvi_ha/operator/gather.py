"""From the world to the frozen snapshot that a VNFReplicaSet's plan is made from."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nfvi_ha.api.names import LABEL_ATTEMPT, LABEL_SLOT
from nfvi_ha.api.vnfreplicaset import SlotStatus, VNFReplicaSet
from nfvi_ha.core.fault import Evidence, FaultKind
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord, SlotState, SlotVm, Snapshot
from nfvi_ha.core.replicaset.spec import BackoffPolicy, ReplicaSetSpec, ScaleInPolicy
from nfvi_ha.core.replicaset.template import Placement, template_hash
from nfvi_ha.core.views import VmView
from nfvi_ha.operator.vm_watch import resource_of
from nfvi_ha.operator.world import SetKey, World
from nfvi_ha.reporting.clock import Clock

_NAME: Final = re.compile(r"-(\d{1,6})-(\d{1,12})$")


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Makes snapshots. ``pending`` are VMs we created and no watch has shown yet."""

    world: World
    book: IncidentBook
    clock: Clock
    evidence: Callable[[VmView], Evidence | None]
    is_written: Callable[[str], bool]

    def snapshot(
        self,
        model: VNFReplicaSet,
        pending: Iterable[VmView],
        blocks: Mapping[int, CreateBlock],
        confirmed_records: tuple[SlotRecord, ...] | None,
    ) -> Snapshot:
        """The picture of one VNFReplicaSet now.

        Args:
            model: as stored.
            pending: created and not yet seen.
            blocks: creations that were refused, by slot.
            confirmed_records: slots as we last wrote them; None to take them from the stored status.
        """
        spec = replicaset_spec(model)
        vms = self.world.vms_of_set((spec.namespace, spec.name))
        known = {vm.uid for vm in vms}
        vms += [vm for vm in pending if vm.uid not in known]
        stored = model.status.slots if model.status else ()
        records = confirmed_records if confirmed_records is not None else tuple(_record(slot) for slot in stored)
        return Snapshot(
            spec,
            tuple(slot_vm for vm in vms if (slot_vm := self._slot_vm(vm)) is not None),
            self._orphans(model, (spec.namespace, spec.name)),
            records,
            tuple(blocks.items()),
            self.clock.now(),
        )

    def _slot_vm(self, vm: VmView) -> SlotVm | None:
        place = slot_and_attempt(vm)
        if place is None:
            return None
        incidents = [i for i in self.book.of_resource(resource_of(vm)) if i.fault.resource.uid == vm.uid]
        failed = any(i.fault.kind is FaultKind.VM_FAILED for i in incidents)
        open_faults = sorted(
            (i for i in incidents if not i.cleared), key=lambda i: i.fault.kind is not FaultKind.VM_FAILED
        )
        # A failure that is seen and not yet in the book is about to be: its record is owed.
        owed = vm.phase == "Failed" and not vm.deleting and not failed
        return SlotVm(
            vm,
            *place,
            evidence=self.evidence(vm),
            fault=open_faults[0].fault.cause if open_faults else "",
            recorded=not owed and all(self.is_written(i.id) for i in incidents),
        )

    def _orphans(self, model: VNFReplicaSet, key: SetKey) -> tuple[VmView, ...]:
        matching = (vm for vm in self.world.ownerless_vms(key[0]) if model.spec.selector.matches(dict(vm.labels)))
        return tuple(sorted(matching, key=lambda vm: vm.name))


def slot_and_attempt(vm: VmView) -> tuple[int, int] | None:
    """Which slot a VM of ours fills: by its labels, else by its name."""
    slot, attempt = vm.label(LABEL_SLOT), vm.label(LABEL_ATTEMPT)
    if slot.isdigit() and attempt.isdigit() and slot.isascii() and attempt.isascii():
        return int(slot), int(attempt)
    match = _NAME.search(vm.name)
    return (int(match[1]), int(match[2])) if match else None


def replicaset_spec(model: VNFReplicaSet) -> ReplicaSetSpec:
    """The accepted spec in the planner's words."""
    spec, recovery = model.spec, model.spec.recovery
    unavailable, surge = spec.update_strategy.rolling_update.limits(spec.replicas)
    return ReplicaSetSpec(
        namespace=model.metadata.namespace,
        name=model.metadata.name,
        uid=model.metadata.uid,
        generation=model.metadata.generation,
        replicas=spec.replicas,
        template_hash=template_hash(spec.template.to_json(), placement(model)),
        paused=spec.paused,
        deleting=model.metadata.deletion_timestamp is not None,
        rolling=spec.update_strategy.type == "RollingUpdate",
        max_unavailable=unavailable,
        max_surge=surge,
        scale_in=ScaleInPolicy(spec.scale_in.policy),
        prefer_unhealthy=spec.scale_in.prefer_unhealthy,
        backoff=BackoffPolicy(
            initial_seconds=recovery.backoff.initial.total_seconds(),
            max_seconds=recovery.backoff.max.total_seconds(),
            factor=recovery.backoff.factor,
            stable_seconds=recovery.stable_after.total_seconds(),
            max_early_failures=recovery.max_early_failures,
        ),
        progress_deadline_seconds=spec.progress_deadline.total_seconds(),
    )


def placement(model: VNFReplicaSet) -> Placement:
    """The placement in the template's words."""
    wanted = model.spec.placement
    spread = wanted.spread
    return Placement(
        wanted.anti_affinity,
        wanted.topology_key,
        (spread.max_skew, spread.topology_key, spread.when_unsatisfiable) if spread else None,
    )


def _record(slot: SlotStatus) -> SlotRecord:
    return SlotRecord(
        slot.index,
        slot.vmi,
        slot.uid,
        slot.node,
        SlotState(slot.state),
        slot.reason,
        slot.message,
        slot.attempt,
        slot.early_failures,
        slot.retry_after,
    )
