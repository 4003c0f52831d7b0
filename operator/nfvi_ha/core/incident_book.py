"""The book of incidents: which fault is new, which is a known one seen again, which is over.

No I/O: the book is told of faults, of their ends and of records read from the API, and answers with the steps that
are new. What it answers depends on the faults and records only, so two replicas with the same view give the same ids.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from nfvi_ha.core.fault import Confidence, Evidence, Fault, FaultKind, ResourceRef
from nfvi_ha.core.ids import incident_id
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step


class IncidentBook:
    """All incidents known, by id and by resource."""

    def __init__(self) -> None:
        self._incidents: dict[str, Incident] = {}
        self._by_resource: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._open: set[str] = set()

    def __iter__(self) -> Iterator[Incident]:
        return iter(tuple(self._incidents.values()))

    def get(self, incident: str) -> Incident | None:
        """The incident of that id."""
        return self._incidents.get(incident)

    def learn(self, incident: Incident) -> Incident:
        """Take in a record read from the API; what is known here and not there (yet) is kept."""
        known = self._incidents.get(incident.id)
        if known is not None:
            steps = {step.number: step for step in known.steps}
            for step in incident.steps:
                mine = steps.get(step.number)
                steps[step.number] = replace(step, sequence=step.sequence or (mine.sequence if mine else 0))
            evidence = (*incident.evidence, *(e for e in known.evidence if not _covered(e, incident.evidence)))
            incident = replace(incident, steps=tuple(steps[number] for number in sorted(steps)), evidence=evidence)
        self._put(incident)
        return incident

    def forget(self, incident: str) -> None:
        """Its record is gone from the API."""
        gone = self._incidents.pop(incident, None)
        self._open.discard(incident)
        if gone is not None:
            self._by_resource[_key(gone.fault.resource)].discard(incident)

    def raise_fault(self, fault: Fault) -> tuple[Incident, Step] | None:
        """A fault that is there now. None when it is known; better evidence of a known one is noted."""
        known = self.open_incident(fault.resource, fault.kind)
        if known is not None:
            self._strengthen(known, fault)
            return None
        same = self._same(fault.resource, fault.kind)
        if fault.kind is FaultKind.VM_FAILED and not all(_lived_on(incident) for incident in same):
            return None  # a VM fails once: its incident was cleared by its replacement
        return self.begin(fault, self.next_episode(fault.resource, fault.kind))

    def next_episode(self, resource: ResourceRef, kind: FaultKind) -> int:
        """The first that no known incident of that fault on that incarnation has."""
        return max((incident.episode for incident in self._same(resource, kind)), default=-1) + 1

    def begin(self, fault: Fault, episode: int) -> tuple[Incident, Step]:
        """A new incident, as the so-manieth on its resource; no known one may have that id."""
        base = self._next_sequence(fault.resource)
        step = Step(STEP_RAISED, fault.detected_at, sequence=base)
        evidence = (fault.evidence,) if fault.evidence else ()
        incident = Incident(incident_id(fault.resource, fault.kind, episode), fault, episode, base, (step,), evidence)
        self._put(incident)
        return incident, step

    def act(self, incident: str, step: Step) -> tuple[Incident, Step] | None:
        """A recovery step (its number is given here).

        None when the same one (for the same new VM) is on record, or the incident is over.
        """
        return self._append(incident, step)

    def clear(self, incident: str, at: datetime, message: str = "") -> tuple[Incident, Step] | None:
        """The fault is over. None when that was said before."""
        return self._append(incident, Step(STEP_CLEARED, at, message=message))

    def open_incident(self, resource: ResourceRef, kind: FaultKind) -> Incident | None:
        """The incident of that fault on that incarnation which is not cleared."""
        return next((incident for incident in self._same(resource, kind) if not incident.cleared), None)

    def of_resource(self, resource: ResourceRef) -> list[Incident]:
        """All incidents on a resource name, any incarnation, in no order."""
        return [self._incidents[name] for name in self._by_resource.get(_key(resource), ())]

    def open_incidents(self) -> list[Incident]:
        """All that are not cleared."""
        return [self._incidents[name] for name in sorted(self._open)]

    def evidence_for(self, resource: ResourceRef) -> Iterator[Evidence]:
        """Evidence on record about this incarnation of the VM; whether it covers it, ``core.evidence.covers`` says."""
        for incident in self.of_resource(resource):
            if incident.fault.resource.uid == resource.uid:
                yield from incident.evidence

    def _same(self, resource: ResourceRef, kind: FaultKind) -> list[Incident]:
        """All incidents of that fault on that incarnation, in no order."""
        known = self.of_resource(resource)
        return [one for one in known if one.fault.kind is kind and one.fault.resource.uid == resource.uid]

    def _append(self, incident: str, step: Step) -> tuple[Incident, Step] | None:
        known = self._incidents.get(incident)
        if known is None or known.cleared or known.has(step.name, new_vm=step.new_vm):
            return None
        step = replace(step, number=known.steps[-1].number + 1, sequence=self._next_sequence(known.fault.resource))
        changed = known.with_step(step)
        self._put(changed)
        return changed, step

    def _next_sequence(self, resource: ResourceRef) -> int:
        """Above all that was said of the resource, in whichever incident: two that are open at once interleave."""
        said = (incident.sequence(step) for incident in self.of_resource(resource) for step in incident.steps)
        return max(said, default=0) + 1

    def _strengthen(self, known: Incident, fault: Fault) -> None:
        if fault.evidence is None or _covered(fault.evidence, known.evidence):
            return
        self._put(replace(known, evidence=(*known.evidence, fault.evidence)))

    def _put(self, incident: Incident) -> None:
        self._incidents[incident.id] = incident
        (self._open.discard if incident.cleared else self._open.add)(incident.id)
        self._by_resource[_key(incident.fault.resource)].add(incident.id)


def confidence(incident: Incident) -> Confidence:
    """What is known by now, which may be more than when it was raised."""
    return Confidence.HIGH if incident.evidence else incident.fault.confidence


def _lived_on(incident: Incident) -> bool:
    """Whether a VM's failure was taken back: it was lost from sight with its hypervisor, and nobody replaced it."""
    told_only = all(step.name in {STEP_RAISED, STEP_CLEARED} for step in incident.steps)
    return incident.cleared and bool(incident.fault.parent) and not incident.evidence and told_only


def _covered(evidence: Evidence, known: Iterable[Evidence]) -> bool:
    return any(other.kind is evidence.kind and other.source == evidence.source for other in known)


def _key(resource: ResourceRef) -> tuple[str, str, str]:
    return resource.kind, resource.namespace, resource.name
