"""What an operator does to the API: every write once, guarded by the Lease, each a place where it may crash."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nfvi_ha.api.names import FINALIZER_EVIDENCE, LABEL_VNFRS
from nfvi_ha.core.replicaset.actions import Action, AdoptVm, CreateVm, DeleteVm, RetireVm
from nfvi_ha.core.replicaset.snapshot import CreateBlock, SlotRecord
from nfvi_ha.core.replicaset.template import vm_name

from .api import AlreadyExistsError, ApiError, ConflictError
from .objects import SetObject, Vmi

if TYPE_CHECKING:
    from .operator import Operator


class NotLeaderError(Exception):
    """The Lease is not ours (any more): nothing may be written."""


class Hands:
    def __init__(self, operator: "Operator") -> None:
        self._operator = operator
        self._api = operator.cluster.api
        self._blocked: dict[int, tuple[str, str, float, int]] = {}

    def act(self, stored: SetObject, action: Action) -> None:
        self._require()
        match action:
            case CreateVm():
                self._create(stored, action)
            case DeleteVm():
                self._say(f"delete {action.name} ({action.reason})")
                self._api.delete_vmi(action.name, action.uid)
            case RetireVm():
                self._say(f"retire {action.name}")
                if action.delete:
                    self._api.delete_vmi(action.name, action.uid)
                self._api.drop_finalizer(action.uid, FINALIZER_EVIDENCE)
            case AdoptVm():
                self._adopt(stored, action)

    def blocks(self) -> tuple[tuple[int, CreateBlock], ...]:
        now = self._operator.cluster.clock.now
        return tuple(
            (slot, CreateBlock(reason, message, max(until - now, 0.0)))
            for slot, (reason, message, until, _) in sorted(self._blocked.items())
        )

    def let_go(self) -> Iterator[None]:
        """There is no set: nothing may be kept by our finalizer."""
        for vm in tuple(self._operator.cache.vms.values()):
            orphan = vm.owner is None and vm.label(LABEL_VNFRS)
            if FINALIZER_EVIDENCE in vm.finalizers and (vm.owner or orphan):
                self._require()
                self._say(f"release {vm.name}")
                self._api.drop_finalizer(vm.uid, FINALIZER_EVIDENCE)
                yield

    def write_incidents(self) -> Iterator[None]:
        operator = self._operator
        for incident in operator.book:
            if operator.cache.incidents.get(incident.id) != incident:
                self._require()
                operator.cache.incidents[incident.id] = incident
                self._api.put_incident(incident)
                yield

    def write_status(self, stored: SetObject, records: tuple[SlotRecord, ...]) -> bool:
        """Whether it was written: only if it changed, and nobody else wrote meanwhile."""
        operator, current = self._operator, self._api.set
        known = stored.records if operator.records is None else operator.records
        if records == known:
            return False
        self._require()
        if current is None or current.spec.uid != stored.spec.uid:
            return False
        if current.records != known:
            operator.records = None  # somebody else wrote: their word is in the cache soon
            return False
        before = {record.index: record for record in known}
        for record in records:
            old = before.get(record.index)
            if old is None or (old.state, old.vmi, old.reason) != (record.state, record.vmi, record.reason):
                because = f" ({record.reason})" if record.reason else ""
                self._operator.cluster.say("status", f"slot {record.index} {record.vmi or '-'} {record.state}{because}")
        operator.records = records
        operator.status_writes += 1
        self._api.put_set(current.spec, records=records)
        return True

    def _create(self, stored: SetObject, action: CreateVm) -> None:
        name = vm_name(stored.spec.name, action.slot, action.attempt)
        try:
            vmi: Vmi | None = self._api.create_vmi(stored.spec, action.slot, action.attempt)
            self._say(f"create {name}")
        except AlreadyExistsError:
            vmi = self._api.named(name)
            if vmi is None or vmi.owner_uid != stored.spec.uid:
                self._refused(action.slot, "NameTaken", f"VMI {name} is not ours")
                return
        except ApiError as error:
            self._refused(action.slot, "TemplateRefused", str(error))
            return
        self._blocked.pop(action.slot, None)
        if vmi is not None:
            self._operator.cache.vms[vmi.uid] = vmi.view()

    def _adopt(self, stored: SetObject, action: AdoptVm) -> None:
        seen = self._operator.cache.vms.get(action.uid)
        if seen is None:
            return
        try:
            self._api.adopt(action.uid, seen.resource_version, stored.spec, action.slot, action.attempt)
        except ConflictError:
            return
        self._say(f"adopt {action.name} into slot {action.slot}")

    def _refused(self, slot: int, reason: str, message: str) -> None:
        failures = self._blocked[slot][3] + 1 if slot in self._blocked else 1
        until = self._operator.cluster.clock.now + min(0.5 * 2 ** (failures - 1), 60.0)
        self._blocked[slot] = (reason, message, until, failures)
        self._say(f"slot {slot}: {reason}: {message}")

    def _require(self) -> None:
        if not self._operator.leading:
            self._say("does nothing: the Lease is not its own")
            raise NotLeaderError

    def _say(self, what: str) -> None:
        self._operator.cluster.say(self._operator.name, what)
