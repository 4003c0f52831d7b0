"""One death, seen by three sentinels through an agent and by the operator through the API: one id and one sequence."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from nfvi_ha.core.detection import Sight, find_faults
from nfvi_ha.core.evidence import find_evidence
from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef
from nfvi_ha.core.ids import notification_id
from nfvi_ha.core.incident import STEP_CLEARED, Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.wire.local_fault import LocalFault
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.sentinel.entries import VmEntry
from tests.unit.core.builders import failed_vm, make_pod

from .desk import fault as some_fault
from .test_agent_faults import NODE, Eyes, local

FAILED = replace(failed_vm(), node=NODE)
POD = make_pod(FAILED, node=NODE)
VM = {"vm_uid": FAILED.uid, "vm_namespace": FAILED.namespace, "vm_name": FAILED.name, "vnf": "web", "slot": 0}
HOST_LOST = some_fault(
    FaultKind.VM_FAILED,
    resource=ResourceRef("VirtualMachineInstance", FAILED.namespace, FAILED.name, FAILED.uid),
    cause="HypervisorFailed",
    parent="hypervisor-failed-1",
)


class Site:
    """Three sentinels that hear one agent, and the operator's book."""

    def __init__(self, directory: Path) -> None:
        self.seats = [Eyes(directory / str(number)) for number in range(3)]
        for seat in self.seats:
            seat.vms[FAILED.uid] = VmEntry(FAILED.namespace, FAILED.name, node=NODE)
        self.operator = IncidentBook()

    @property
    def books(self) -> list[IncidentBook]:
        return [*(seat.desk.book for seat in self.seats), self.operator]

    def agent_says(self, *faults: LocalFault) -> None:
        for seat in self.seats:
            seat.says(*faults)

    def operator_looks(self) -> Incident | None:
        """What KubeVirt's objects show, a moment after."""
        now = self.seats[0].desk.clock.now() + timedelta(seconds=0.3)
        (found,) = find_faults(Sight(FAILED, (POD,), find_evidence(FAILED, (POD,), {NODE}, now), now, "web", 0))
        raised = self.operator.raise_fault(found.fault)
        return raised[0] if raised is not None else None

    def by_the_api(self, incident: Incident) -> None:
        """Its record comes to everybody."""
        self.operator.learn(incident)
        for seat in self.seats:
            seat.desk.teller.learn(IncidentRecord(incident, (), FAILED.namespace, "1", closed=False))

    def of_the_vm(self) -> list[list[tuple[str, int, list[str], list[int]]]]:
        """In each book: id, episode, notifications and their sequence."""
        return [
            sorted(
                (
                    incident.id,
                    incident.episode,
                    [notification_id(incident.id, step.number) for step in incident.steps],
                    [incident.sequence(step) for step in incident.steps],
                )
                for incident in book
            )
            for book in self.books
        ]

    def all_raise_and_clear(self, fault: Fault, episode: int) -> Incident:
        """Something that is the same for all of them, and over."""
        for seat in self.seats:
            seat.desk.teller.raise_fault(fault, episode)
            seat.desk.teller.clear(fault.resource, fault.kind, "over")
        (incident,) = [one for one in self.seats[0].desk.book if one.episode == episode]
        self.by_the_api(incident)
        return incident


def test_agent_and_api_give_one_id_and_one_sequence_whoever_is_first(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.agent_says(local(1, FaultKind.VM_FAILED, **VM))
    assert site.operator_looks() is not None
    first, *others = site.of_the_vm()
    assert others == [first] * 3
    assert [(episode, sequence) for _, episode, _, sequence in first] == [(0, [1])]


def test_the_later_source_adds_its_evidence_and_says_nothing_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.agent_says(local(1, FaultKind.VM_FAILED, proof="pid 7 reaped", **VM))
    (seen,) = site.seats[0].desk.book
    site.by_the_api(seen)
    assert site.operator_looks() is None
    (known,) = site.operator
    assert {each.source for each in known.evidence} == {f"agent@{NODE}", f"virt-handler@{NODE}"}


def test_after_a_clear_the_next_one_has_another_id_everywhere(tmp_path: Path) -> None:
    site = Site(tmp_path)
    before = site.all_raise_and_clear(HOST_LOST, 0)
    for seat in site.seats:
        seat.desk.advance(10)
    died = local(1, FaultKind.VM_FAILED, seen_at_ms=int(site.seats[0].desk.clock.now().timestamp() * 1000), **VM)
    site.agent_says(died)
    after = site.operator_looks()
    assert after is not None, "a VM that lived on may yet die"
    assert after.id != before.id
    first, *others = site.of_the_vm()
    assert others == [first] * 3
    assert sorted((episode, sequence) for _, episode, _, sequence in first) == [(0, [1, 2]), (1, [3])]


def test_a_vm_whose_end_was_seen_fails_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.agent_says(local(1, FaultKind.VM_FAILED, proof="pid 7 reaped", **VM))
    (seen,) = site.seats[0].desk.book
    cleared = site.seats[0].desk.book.clear(seen.id, site.seats[0].desk.clock.now(), "replaced")
    assert cleared is not None
    assert cleared[1].name == STEP_CLEARED
    site.by_the_api(cleared[0])
    assert site.operator_looks() is None
