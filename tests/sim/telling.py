"""What an operator tells of recovery: which steps of an incident became true."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import ActionName, Incident, Step
from nfvi_ha.core.replicaset.snapshot import SlotRecord, SlotState, SlotVm, Snapshot
from nfvi_ha.core.views import VmView

if TYPE_CHECKING:
    from .operator import Operator


class Teller:
    def __init__(self, operator: "Operator") -> None:
        self._operator = operator

    def tell(self, snapshot: Snapshot, records: tuple[SlotRecord, ...]) -> Iterator[None]:
        """Recovery steps of the set's open failures."""
        slots = {record.index: record for record in records}
        for incident in self._failures():
            slot = incident.fault.slot
            if slot is None or slot not in slots:
                yield from self._clear(incident, "the slot was given up")
                continue
            for occupant in snapshot.vms:
                newer = occupant.slot == slot and occupant.vm.uid != incident.fault.resource.uid
                if newer and not occupant.released:
                    yield from self._replaced(incident, occupant)
            record = slots[slot]
            if record.uid == incident.fault.resource.uid:
                yield from self._not_replaced(incident, record)

    def clear_over(self, vm: VmView, present: set[FaultKind]) -> Iterator[None]:
        """Faults of a VM that are not there any more; a failure is over when its successor serves."""
        for incident in self._operator.book.open_incidents():
            fault = incident.fault
            if fault.resource.uid == vm.uid and fault.kind is not FaultKind.VM_FAILED and fault.kind not in present:
                yield from self._clear(incident, "over")

    def set_gone(self) -> Iterator[None]:
        for incident in self._operator.book.open_incidents():
            yield from self._clear(incident, "the set was deleted")
        yield from self._operator._hands.write_incidents()

    def _failures(self) -> list[Incident]:
        opened = [i for i in self._operator.book.open_incidents() if i.fault.kind is FaultKind.VM_FAILED]
        return sorted((i for i in opened if i.fault.vnf), key=lambda incident: incident.fault.resource.uid)

    def _replaced(self, incident: Incident, occupant: SlotVm) -> Iterator[None]:
        name = occupant.vm.name
        yield from self._act(incident, ActionName.REPLACEMENT_CREATED, new_vm=name)
        if occupant.ready:
            yield from self._act(incident, ActionName.REPLACEMENT_RUNNING, new_vm=name)
            yield from self._clear(incident, f"slot {occupant.slot} is served by {name}")

    def _not_replaced(self, incident: Incident, record: SlotRecord) -> Iterator[None]:
        if record.state is SlotState.HELD:
            yield from self._act(incident, ActionName.HELD, message=record.reason)
        elif record.state is SlotState.QUARANTINED:
            yield from self._act(incident, ActionName.ABANDONED, message=record.reason)

    def _act(self, incident: Incident, name: ActionName, *, new_vm: str = "", message: str = "") -> Iterator[None]:
        step = Step(name.value, self._operator.cluster.clock.wall(), new_vm=new_vm, message=message)
        yield from self._follow(self._operator.book.act(incident.id, step))

    def _clear(self, incident: Incident, message: str) -> Iterator[None]:
        yield from self._follow(self._operator.book.clear(incident.id, self._operator.cluster.clock.wall(), message))

    def _follow(self, made: tuple[Incident, Step] | None) -> Iterator[None]:
        if made is not None:
            self._operator.send(*made)
            yield
