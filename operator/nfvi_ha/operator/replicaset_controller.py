"""The VNFReplicaSet controller: gather, decide in ``core``, act (H8).

Every replica plans, so that every replica knows; only the leader acts and writes.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from nfvi_ha.api.names import FINALIZER_EVIDENCE, LABEL_VNFRS
from nfvi_ha.api.vnfreplicaset import VNFReplicaSet
from nfvi_ha.core.replicaset.actions import Action, AdoptVm, CreateVm, DeleteVm, RetireVm
from nfvi_ha.core.replicaset.planner import Plan, plan
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, Snapshot
from nfvi_ha.core.replicaset.status import conditions, count
from nfvi_ha.core.views import VmView
from nfvi_ha.kube.errors import Conflict
from nfvi_ha.kube.recorder import EventType
from nfvi_ha.operator import reasons
from nfvi_ha.operator.gather import Gatherer
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.recovery import RecoveryTeller
from nfvi_ha.operator.set_memory import SetMemory
from nfvi_ha.operator.set_status import StatusWriter
from nfvi_ha.operator.vm_actions import Outcome, VmActions, created_name
from nfvi_ha.operator.world import SetEntry, SetKey, World
from nfvi_ha.reporting.clock import Clock

log = logging.getLogger(__name__)

Emit = Callable[[SetEntry, EventType, str, str], None]
"""Event on a VNFReplicaSet: entry, type, reason, note."""


@dataclass(frozen=True, slots=True)
class _Picture:
    model: VNFReplicaSet
    snapshot: Snapshot
    plan: Plan


class ReplicaSetController:
    """Reconciles one VNFReplicaSet at a time; the work queue never gives the same one twice at once."""

    def __init__(
        self,
        *,
        world: World,
        gatherer: Gatherer,
        actions: VmActions,
        status: StatusWriter,
        teller: RecoveryTeller,
        emit: Emit,
        leading: Callable[[], bool],
        wake: Callable[[SetKey, float], None],
        clock: Clock,
        metrics: OperatorMetrics,
    ) -> None:
        self._world = world
        self._gatherer = gatherer
        self._actions = actions
        self._status = status
        self._teller = teller
        self._emit = emit
        self._leading = leading
        self._wake = wake
        self._clock = clock
        self._metrics = metrics
        self._memories: dict[SetKey, SetMemory] = {}

    async def reconcile(self, key: SetKey) -> None:
        """Make the VMs of one set what they should be.

        Raises:
            KubeError: something could not be written; the rest was done. Ask again.
        """
        began = self._clock.monotonic()
        entry = self._world.sets.get(key)
        if entry is None:
            self._memories.pop(key, None)
            if self._leading():
                await self._let_go(key)
            return
        memory = self._memory(key, entry)
        if entry.model is None:
            await self._refuse(entry, memory)
            return
        picture = self._picture(entry.model, memory)
        if self._leading():
            await self._act(entry, memory, picture)
        self._metrics.reconciled(self._clock.monotonic() - began)

    def forget_written(self) -> None:
        """Leadership came or went: what we wrote last may not be what stands there now."""
        for memory in self._memories.values():
            memory.records = None

    def _memory(self, key: SetKey, entry: SetEntry) -> SetMemory:
        memory = self._memories.get(key)
        if memory is None or memory.uid != entry.uid:
            memory = self._memories[key] = SetMemory(entry.uid, self._clock.monotonic)
        return memory

    def _picture(self, model: VNFReplicaSet, memory: SetMemory) -> _Picture:
        memory.seen(vm.uid for vm in self._world.vms_of_set((model.metadata.namespace, model.metadata.name)))
        blocks = memory.blocks(model.metadata.generation)
        snapshot = self._gatherer.snapshot(model, memory.pending(), blocks, memory.records)
        return _Picture(model, snapshot, plan(snapshot))

    async def _act(self, entry: SetEntry, memory: SetMemory, picture: _Picture) -> None:
        model, decided = picture.model, picture.plan
        outcome = await self._actions.carry_out(model, decided.actions)
        self._note(entry, memory, outcome, model)
        self._announce(entry, memory.records or picture.snapshot.records, decided.records)
        self._teller.tell(model, picture.snapshot, decided.records, outcome)
        counts = count(picture.snapshot, decided.records)
        stalled = memory.stalled_seconds(counts, model.metadata.generation)
        values = conditions(picture.snapshot.spec, counts, decided.records, stalled_seconds=stalled)
        await self._status.write(entry, counts, decided.records, values, self._teller.history(model))
        records_changed = memory.records != decided.records
        memory.records = decided.records
        if decided.wake_after_seconds is not None:
            self._wake((entry.namespace, entry.name), decided.wake_after_seconds)
        if outcome.refused or outcome.done or records_changed:
            self._wake((entry.namespace, entry.name), 0.05)
        for error in outcome.failed:
            if not isinstance(error, Conflict):
                raise error

    def _note(self, entry: SetEntry, memory: SetMemory, outcome: Outcome, model: VNFReplicaSet) -> None:
        for created, vm in outcome.created:
            memory.created(vm)
            memory.unblock(created.slot)
            self._tell_action(entry, created, created_name(model, created))
        for action in outcome.done:
            self._tell_action(entry, action, action.name if not isinstance(action, CreateVm) else "")
        memory.refused(outcome.refused, model.metadata.generation)
        for refusal in outcome.refused:
            note = f"slot {refusal.slot}: {refusal.reason}: {refusal.message}"
            self._emit(entry, reasons.WARNING, reasons.VM_CREATE_FAILED, note)
            log.warning("creation refused", extra={"object": f"{entry.namespace}/{entry.name}", "detail": note})

    def _tell_action(self, entry: SetEntry, action: Action, name: str) -> None:
        match action:
            case CreateVm():
                reason, note = reasons.VM_CREATED, f"slot {action.slot}: created {name}"
            case DeleteVm():
                reason, note = reasons.VM_DELETED, f"slot {action.slot}: deleting {name} ({action.reason})"
            case RetireVm():
                reason, note = reasons.VM_RETIRED, f"slot {action.slot}: {name} ended and is let go"
            case AdoptVm():
                reason, note = reasons.VM_ADOPTED, f"slot {action.slot}: adopted {name}"
        self._metrics.acted(type(action).__name__)
        self._emit(entry, reasons.NORMAL, reason, note)
        log.info("action", extra={"object": f"{entry.namespace}/{entry.name}", "reason": reason, "detail": note})

    def _announce(self, entry: SetEntry, before: tuple[SlotRecord, ...], after: tuple[SlotRecord, ...]) -> None:
        """Events for slots that came into a state that a person should know of."""
        states = {record.index: record.state for record in before}
        worth = {
            SlotState.HELD: reasons.SLOT_HELD,
            SlotState.QUARANTINED: reasons.SLOT_QUARANTINED,
            SlotState.BACKOFF: reasons.SLOT_BACKOFF,
        }
        for record in after:
            if record.state in worth and states.get(record.index) is not record.state:
                note = f"slot {record.index} ({record.vmi}): {record.reason}: {record.message}"
                self._emit(entry, reasons.WARNING, worth[record.state], note)

    async def _refuse(self, entry: SetEntry, memory: SetMemory) -> None:
        """A bad object: say so, and do nothing else to anything."""
        problem = entry.problem
        if problem is None or not self._leading():
            return
        told = f"{problem.reason}/{problem.field}/{entry.generation}"
        if memory.problem != told:
            memory.problem = told
            self._metrics.refused("VNFReplicaSet", problem.reason)
            self._emit(entry, reasons.WARNING, reasons.REFUSED, f"{problem.field}: {problem.message}")
            log.warning("refused", extra={"object": f"{entry.namespace}/{entry.name}", "detail": str(problem)})
        await self._status.write_refused(entry, problem)

    async def _let_go(self, key: SetKey) -> None:
        """The set is gone: its VMs (orphaned, or being collected) must not be kept by our finalizer."""
        for vm in self.leftovers(key):
            await self._actions.release(vm.namespace, vm.name, vm.uid)
        self._teller.set_gone(key)

    def leftovers(self, key: SetKey) -> list[VmView]:
        """VMs with our finalizer whose set does not exist."""
        mine = [vm for vm in self._world.vms_of_set(key) if self._world.set_of(vm) is None]
        orphans = [vm for vm in self._world.ownerless_vms(key[0]) if vm.label(LABEL_VNFRS) == key[1]]
        return [vm for vm in (*mine, *orphans) if FINALIZER_EVIDENCE in vm.finalizers]
