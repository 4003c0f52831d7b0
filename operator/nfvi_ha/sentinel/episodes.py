"""Raising a fault whose episode was counted by whoever saw it, so that three seats with unlike histories agree.

The book counts episodes by the incidents it knows. A seat that started a minute ago does not know of yesterday's, but
the agent does, and so do the beats and votes about a hypervisor. Their count goes into the id (DESIGN section 4).
"""

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.ids import incident_id
from nfvi_ha.core.incident import STEP_CLEARED, Incident, Step
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
        episode = book.next_episode(fault.resource, fault.kind)
    return book.begin(fault, episode)
