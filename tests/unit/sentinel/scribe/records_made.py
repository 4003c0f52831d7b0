"""Incidents as these tests need them."""

from dataclasses import replace
from datetime import UTC, datetime

from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.record.incident_record import IncidentRecord

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def raised(name: str = "fw-0", uid: str = "uid-1", kind: FaultKind = FaultKind.VM_UNREADY) -> Incident:
    resource = ResourceRef("VirtualMachineInstance", "tenant", name, uid)
    fault = Fault(kind, resource, "Cause", "message", Severity.MAJOR, Confidence.LOW, AT)
    found = IncidentBook().raise_fault(fault)
    assert found is not None
    return found[0]


def with_step(incident: Incident, name: str, *, new_vm: str = "") -> Incident:
    last = incident.steps[-1]
    return incident.with_step(Step(name, AT, last.number + 1, incident.sequence(last) + 1, new_vm=new_vm))


def with_evidence(incident: Incident, source: str) -> Incident:
    return replace(incident, evidence=(*incident.evidence, Evidence(EvidenceKind.PROCESS_GONE, source, "gone", AT)))


def as_record(incident: Incident, *, closed: bool = False) -> IncidentRecord:
    return IncidentRecord(incident, (), "tenant", "1", closed=closed)
