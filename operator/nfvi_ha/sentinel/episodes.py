"""Raising a fault whose episode was counted by whoever saw it, so that three seats with unlike histories agree.

The book counts episodes by the incidents it knows. A seat that started a minute ago does not know of yesterday's, but
the agent does, and so do the beats and votes about a hypervisor. Their count goes into the id (DESIGN section 4).
"""

from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef
from nfvi_ha.core.ids import incident_id
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step
from nfvi_ha.core.incident_book import IncidentBook


def raise_at(book: IncidentBook, fault: Fault, episode: int) -> tuple[Incident, Step] | None:
    """A fault that is there now, as the so-manieth on its resource.

    None when it is known: open (better evidence is noted), or over - unless it was seen after the end of what has
    that id. Then its observer lost count, and it is taken for the next one that is free: too many words are better
    than a fault that nobody hears of.
    """
    if book.open_incident(fault.resource, fault.kind) is not None:
        return book.raise_fault(fault)
    known = book.get(incident_id(fault.resource, fault.kind, episode))
    if known is not None:
        ended = max((step.at for step in known.steps if step.name == STEP_CLEARED), default=fault.detected_at)
        if fault.detected_at <= ended:
            return None
        episode = next_episode(book, fault.resource, fault.kind)
    said = (one.sequence(step) for one in book.of_resource(fault.resource) for step in one.steps)
    base = max(said, default=0) + 1
    step = Step(STEP_RAISED, fault.detected_at, sequence=base)
    evidence = (fault.evidence,) if fault.evidence else ()
    name = incident_id(fault.resource, fault.kind, episode)
    incident = book.learn(Incident(name, fault, episode, base, (step,), evidence))
    return incident, step


def next_episode(book: IncidentBook, resource: ResourceRef, kind: FaultKind) -> int:
    """The first that no known incident of that fault on that incarnation has."""
    same = (
        incident.episode
        for incident in book.of_resource(resource)
        if incident.fault.kind is kind and incident.fault.resource.uid == resource.uid
    )
    return max(same, default=-1) + 1
