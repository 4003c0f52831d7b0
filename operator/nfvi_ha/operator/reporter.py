"""From a fault to the VIM: first the notification, from memory; then everything else (DESIGN section 4).

Every replica reports what it sees. The leader at once; a replica of rank n after n x 250 ms, and only to endpoints
where the Incident does not show it delivered by then. Actions and clears follow recovery and are the leader's alone.
They are told once the Incident says so: their ids count on from what is on record, and a step that was told and not
recorded would have its id given to another one by the next leader. They do not wait for that longer than a second.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from nfvi_ha.core.fault import Fault, ResourceRef
from nfvi_ha.core.ids import notification_id
from nfvi_ha.core.incident import STEP_RAISED, Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DEADLINE_PASSED, ENDPOINT_REMOVED, DeliveryOutcome, DeliveryState, EndpointStatus
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.notifications import notification_for

log = logging.getLogger(__name__)

RANK_DELAY_SECONDS: Final = 0.25
FIRST_WRITE_SECONDS: Final = 0.15
"""How long a first attempt may take before the Incident is written without its outcome."""
OUTCOME_WRITE_SECONDS: Final = 0.05
"""Outcomes that come together, and what recovery does at once, become one write."""
RETRY_WRITE_SECONDS: Final = 1.0
MAX_SEQUENCE: Final = 2**63
RECORD_FIRST_SECONDS: Final = 1.0
"""How long a step may wait for its record."""
NOT_WANTED: Final = "NotWanted"
"""The endpoint's filter was changed and does not let it through any more."""


class Submitter(Protocol):
    """The part of ``reporting.delivery.Deliverer`` that we use."""

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        """Start delivery to the matching endpoints (or those of them named) and return their names."""
        ...

    def matching(self, notification: Notification) -> frozenset[str]:
        """Names of the endpoints whose filter lets it through."""
        ...

    def status(self) -> Mapping[str, EndpointStatus]:
        """How each endpoint that was ever usable does, by name."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A step that is not told yet."""

    incident: str
    step: Step
    due: bool = False


class Reporter:
    """Raises, acts on and clears incidents, and sees to it that each step is told.

    Args:
        book: all incidents known.
        ledger: all deliveries known.
        submitter: delivers.
        endpoints: the VIMEndpoints that exist, usable or not, with the seconds after which theirs expire.
        rank: this replica's present rank, 0 for the leader.
        mark: asks for an incident's record to be written within so many seconds (a no-op unless leading).
        is_closed: whether an incident's record says that nothing is left to do.
        went_by: whether an incident without a record is about a fault that is not there any more.
        after: calls something in so many seconds.
        on_step: told of every step that this process makes (for Kubernetes Events).
        clock: time.
        metrics: where stages are measured.
        cluster: name of this NFVI.
        source: our component and replica.
    """

    def __init__(
        self,
        *,
        book: IncidentBook,
        ledger: Ledger,
        submitter: Submitter,
        endpoints: Callable[[], Mapping[str, float]],
        rank: Callable[[], int],
        mark: Callable[[str, float], None],
        is_closed: Callable[[str], bool],
        went_by: Callable[[Incident], bool] = lambda _: False,
        after: Callable[[float, Callable[[], None]], object],
        on_step: Callable[[Incident, Step], None],
        clock: Clock,
        metrics: OperatorMetrics,
        cluster: str,
        source: str,
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._submitter = submitter
        self._endpoints = endpoints
        self._rank = rank
        self._mark = mark
        self._is_closed = is_closed
        self._went_by = went_by
        self._after = after
        self._on_step = on_step
        self._clock = clock
        self._metrics = metrics
        self._cluster = cluster
        self._source = source
        self._waiting: dict[tuple[str, str, str], list[_Waiting]] = {}
        """Steps that wait for their record, by resource, in order."""

    def raise_fault(self, fault: Fault, seen_at: float) -> None:
        """Tell of a fault that is there now; nothing happens when that was done before.

        Args:
            fault: as found.
            seen_at: monotonic time at which the change that shows it was received.
        """
        known = self._book.open_incident(fault.resource, fault.kind)
        raised = self._book.raise_fault(fault)
        if raised is None:
            if known is not None and self._book.get(known.id) is not known:
                self._mark(known.id, FIRST_WRITE_SECONDS)  # better evidence
            return
        incident, step = raised
        rank = self._rank()
        if rank == 0:
            # It must not pass by what waits on the same resource.
            self._tell_waiting(fault.resource, regardless=True)
            self._tell(incident, step)
        else:
            self._after(rank * RANK_DELAY_SECONDS, lambda: self._stand_in(incident.id, step))
        self._metrics.seen_to_decided(self._clock.monotonic() - seen_at, fault)
        log.warning(
            "fault",
            extra={
                "incident": incident.id,
                "kind": fault.kind.value,
                "object": f"{fault.resource.namespace}/{fault.resource.name}",
                "uid": fault.resource.uid,
                "node": fault.node,
                "cause": fault.cause,
                "confidence": fault.confidence.value,
                "rank": rank,
                "detail": fault.message,
            },
        )
        self._on_step(incident, step)

    def act(self, incident: str, step: Step) -> None:
        """Record and tell a recovery step (leader only); the same one is told once."""
        self._follow(self._book.act(incident, step))

    def clear(self, incident: str, message: str) -> None:
        """Record and tell that a fault is over (leader only)."""
        self._follow(self._book.clear(incident, self._clock.now(), message))

    def learn(self, record: IncidentRecord) -> None:
        """Take in a record read from the API."""
        self._ledger.learn(record.incident.id, record.deliveries)
        self._book.learn(record.incident)

    def recorded(self, incident: str, last_step: int) -> None:
        """The record holds the incident's steps up to this one: they may be told."""
        known = self._book.get(incident)
        if known is None:
            return
        for waiting in self._waiting.get(_key(known.fault.resource), ()):
            if waiting.incident == incident and waiting.step.number <= last_step:
                waiting.due = True
        self._tell_waiting(known.fault.resource)

    def resume(self, only: Collection[str] | None = None) -> None:
        """Go on with all incidents (or some) that are not settled, in the order of each resource (leader only).

        What is asked for again is sent to whom it is owed by the record. The raise of a fault that is still there is
        owed to every endpoint that wants it, also to one that came after: a VIM must know what is broken now. Nothing
        else that is past is sent to a new endpoint.
        """
        found = self._book if only is None else filter(None, [self._book.get(incident) for incident in only])
        unsettled = [incident for incident in found if not self._is_closed(incident.id)]
        self._finish_in_order(unsettled)
        for incident in unsettled:
            self._mark(incident.id, FIRST_WRITE_SECONDS)

    def stop_leading(self) -> None:
        """Somebody else leads: what was not recorded in time is theirs to find out and to number."""
        self._waiting.clear()

    def on_outcome(self, outcome: DeliveryOutcome) -> None:
        """Note what became of an attempt."""
        if not self._ledger.outcome(outcome):
            return
        if outcome.state is DeliveryState.RETRYING:
            self._mark(outcome.incident, RETRY_WRITE_SECONDS)
        elif self._ledger.all_tried(outcome.incident):
            self._mark(outcome.incident, OUTCOME_WRITE_SECONDS)
        else:
            self._mark(outcome.incident, FIRST_WRITE_SECONDS)

    def notification(self, incident: Incident, step: Step) -> Notification:
        """What is said of a step."""
        return notification_for(incident, step, cluster=self._cluster, source=self._source)

    def _follow(self, made: tuple[Incident, Step] | None) -> None:
        if made is None:
            return
        incident, step = made
        resource = incident.fault.resource
        notification = self.notification(incident, step)
        self._ledger.expect(notification, self._submitter.matching(notification))
        waiting = _Waiting(incident.id, step)
        self._waiting.setdefault(_key(resource), []).append(waiting)
        self._mark(incident.id, 0.0)
        self._after(RECORD_FIRST_SECONDS, lambda: self._waited(resource, waiting))
        log.info(
            "incident step",
            extra={
                "incident": incident.id,
                "step": step.name,
                "object": f"{resource.namespace}/{resource.name}",
                "new_vm": step.new_vm,
                "detail": step.message,
            },
        )
        self._on_step(incident, step)

    def _waited(self, resource: ResourceRef, waiting: _Waiting) -> None:
        """Long enough: whatever keeps the record from being written must not keep the VIM from knowing."""
        queue = self._waiting.get(_key(resource), [])
        if waiting in queue and self._rank() == 0:
            log.warning("told before it is recorded", extra={"incident": waiting.incident, "step": waiting.step.name})
            for each in queue[: queue.index(waiting) + 1]:
                each.due = True
            self._tell_waiting(resource)

    def _tell_waiting(self, resource: ResourceRef, *, regardless: bool = False) -> None:
        """Tell, in order, what waits on a resource: as far as it is due, or all of it."""
        queue = self._waiting.get(_key(resource))
        if queue is None:
            return
        while queue and (regardless or queue[0].due):
            first = queue.pop(0)
            known = self._book.get(first.incident)
            if known is not None:
                self._finish(known, first.step)
        if not queue:
            self._waiting.pop(_key(resource), None)

    def _tell(self, incident: Incident, step: Step) -> None:
        notification = self.notification(incident, step)
        # Expected before it is submitted: that there is no room for it is told while it is being submitted.
        self._ledger.expect(notification, self._submitter.matching(notification))
        endpoints = self._submitter.submit(notification)
        self._mark(incident.id, FIRST_WRITE_SECONDS if endpoints else 0.0)

    def _stand_in(self, incident: str, step: Step) -> None:
        """The leader had its time: tell what it did not, and before it what it owes on the same resource.

        What went by before our turn, and was recorded by nobody, was never told: there would be nobody to clear it.
        """
        known = self._book.get(incident)
        if known is not None and self._went_by(known):
            self._book.forget(incident)
        elif known is not None:
            self._finish_in_order(self._book.of_resource(known.fault.resource), known.sequence(step))

    def _finish_in_order(self, incidents: Iterable[Incident], last_sequence: int = MAX_SEQUENCE) -> None:
        """Submit what is unsettled of some incidents, but what waits for its record, in the order of each resource."""
        steps = [
            (_key(incident.fault.resource), incident.sequence(step), incident.id, step)
            for incident in incidents
            for step in incident.steps
            if incident.sequence(step) <= last_sequence
        ]
        waiting = {(each.incident, each.step.number) for queue in self._waiting.values() for each in queue}
        for _, _, identity, step in sorted(steps, key=lambda found: found[:3]):
            known = self._book.get(identity)
            if known is not None and (identity, step.number) not in waiting:
                self._finish(known, step)

    def _finish(self, incident: Incident, step: Step) -> None:
        """Submit a step to every endpoint it is owed to and that nothing final is noted of."""
        is_open_raise = step.name == STEP_RAISED and not incident.cleared
        notes = self._ledger.about(notification_id(incident.id, step.number), incident.id)
        if not is_open_raise and all(note.final for note in notes.values()):
            return
        notification = self.notification(incident, step)
        owed = {name for name, note in notes.items() if not note.final}
        if is_open_raise:
            wanting = self._submitter.matching(notification)
            owed |= wanting - notes.keys()
            for name in (name for name in wanting & notes.keys() if notes[name].reason == ENDPOINT_REMOVED):
                self._ledger.reopen(incident.id, notification.id, name)
                owed.add(name)
        if owed:
            self._ledger.expect(notification, owed)
            taken = self._submitter.submit(notification, endpoints=owed)
            for name in owed - taken:
                self._not_taken(notification, name)

    def _not_taken(self, notification: Notification, endpoint: str) -> None:
        """An endpoint that nothing can be submitted to: is it gone, did it change its mind, or is it to be mended?"""
        expires_seconds = self._endpoints().get(endpoint)
        now = self._clock.now()
        if expires_seconds is None:
            state, reason = DeliveryState.PARKED, ENDPOINT_REMOVED
        elif endpoint in self._submitter.status():
            if endpoint in self._submitter.matching(notification):
                return  # we are stopping
            state, reason = DeliveryState.PARKED, NOT_WANTED
        elif now - notification.time >= timedelta(seconds=expires_seconds):
            state, reason = DeliveryState.EXPIRED, DEADLINE_PASSED
        else:
            return  # refused since we started, e.g. for want of a Secret: it waits
        self._ledger.settle(notification.incident, notification.id, endpoint, state.value, reason, now)
        self._mark(notification.incident, OUTCOME_WRITE_SECONDS)


def _key(resource: ResourceRef) -> tuple[str, str, str]:
    return resource.kind, resource.namespace, resource.name
