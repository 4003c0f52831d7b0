"""From a fault to the VIM: first the notification, from memory; then disk, scribe and all else (DESIGN section 4).

Sentinels tell two things: that a fault is there, and that it is over. Whoever knows of a fault by the feed, the spool
or an agent's beat comes to the same id, so a double is only that.
"""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Final, Protocol

from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef
from nfvi_ha.core.ids import notification_id
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.notifications import notification_for
from nfvi_ha.sentinel.episodes import raise_at
from nfvi_ha.sentinel.turns import Turns

log = logging.getLogger(__name__)

DELIVERED_BY_SEAT: Final = "DeliveredByOtherSeat"


class Submitter(Protocol):
    """The part of ``reporting.delivery.Deliverer`` that we use."""

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        """Start delivery to those endpoints and return the names of those that it is for."""
        ...

    def matching(self, notification: Notification) -> frozenset[str]:
        """Names of the endpoints whose filter lets it through."""
        ...


class Teller:
    """Raises and clears incidents, and tells each step in its turn.

    Args:
        book: all incidents known.
        ledger: all deliveries known.
        submitter: delivers.
        turns: whose turn it is.
        mark: asks for an incident's record to be written.
        is_written: whether an incident is in the API, so that the operator retries what is undelivered of it.
        tell_seats: tells the other seats where a notification was delivered: its id, all endpoints.
        on_step: told of every incident that is raised or cleared here.
        after: calls something in so many seconds.
        clock: time.
        cluster: name of this NFVI.
        source: our component and seat.
    """

    def __init__(
        self,
        *,
        book: IncidentBook,
        ledger: Ledger,
        submitter: Submitter,
        turns: Turns,
        mark: Callable[[str], None],
        is_written: Callable[[str], bool],
        tell_seats: Callable[[str, frozenset[str]], None],
        on_step: Callable[[Incident], None] = lambda incident: None,
        after: Callable[[float, Callable[[], None]], object],
        clock: Clock,
        cluster: Callable[[], str],
        source: str,
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._submitter = submitter
        self._turns = turns
        self._mark = mark
        self._is_written = is_written
        self._tell_seats = tell_seats
        self._on_step = on_step
        self._after = after
        self._clock = clock
        self._cluster = cluster
        self._source = source

    def raise_fault(self, fault: Fault, episode: int | None = None) -> Incident | None:
        """A fault that is there now; telling it again does nothing.

        Args:
            fault: as found.
            episode: counted by its observer; None: as the book counts.

        Returns:
            Its incident if that is open now; None if it is over already.
        """
        before = self._book.open_incident(fault.resource, fault.kind)
        wanted = self._book.next_episode(fault.resource, fault.kind) if episode is None else episode
        raised = raise_at(self._book, fault, wanted)
        if raised is None:
            now = self._book.open_incident(fault.resource, fault.kind)
            if now is not None and now is not before:
                self._mark(now.id)  # better evidence
            return now
        incident, step = raised
        self._tell(incident, step)
        log.warning(
            "fault",
            extra={
                "incident": incident.id,
                "kind": fault.kind.value,
                "object": f"{fault.resource.kind}/{fault.resource.namespace}/{fault.resource.name}",
                "uid": fault.resource.uid,
                "node": fault.node,
                "cause": fault.cause,
                "confidence": fault.confidence.value,
                "detail": fault.message,
                "parent": fault.parent,
            },
        )
        return incident

    def clear(self, resource: ResourceRef, kind: FaultKind, message: str) -> None:
        """The fault is over; telling it again does nothing."""
        known = self._book.open_incident(resource, kind)
        if known is not None:
            self.clear_incident(known, message)

    def clear_incident(self, incident: Incident, message: str) -> None:
        """The incident's fault is over."""
        made = self._book.clear(incident.id, self._clock.now(), message)
        if made is None:
            return
        cleared, step = made
        self._tell(cleared, step)
        fault = cleared.fault
        log.info(
            "fault is over",
            extra={
                "incident": cleared.id,
                "kind": fault.kind.value,
                "object": f"{fault.resource.kind}/{fault.resource.namespace}/{fault.resource.name}",
                "detail": message,
            },
        )

    def learn(self, record: IncidentRecord) -> None:
        """Take in a record of the API."""
        self._ledger.learn(record.incident.id, record.deliveries)
        self._book.learn(record.incident)

    def resume(self, incidents: Iterable[str]) -> None:
        """Go on, after a restart, with what was not delivered."""
        found = [known for incident in incidents if (known := self._book.get(incident)) is not None]
        steps = [(incident.sequence(step), incident.id, step) for incident in found for step in incident.steps]
        for _, identity, step in sorted(steps, key=lambda each: each[:2]):
            known = self._book.get(identity)
            if known is not None:
                self._tell(known, step)

    def told(self, seat: int, notification: str, endpoints: Iterable[str]) -> None:
        """Another seat says that it delivered it there."""
        self._turns.told(notification, endpoints)
        self._settle(notification, f"{DELIVERED_BY_SEAT}{seat}")

    def on_outcome(self, outcome: DeliveryOutcome) -> None:
        """Note what became of an attempt."""
        if outcome.state is DeliveryState.DELIVERED:
            self._tell_seats(outcome.notification_id, self._delivered(outcome))
        if self._ledger.outcome(outcome):
            self._mark(outcome.incident)

    def _delivered(self, outcome: DeliveryOutcome) -> frozenset[str]:
        notes = self._ledger.about(outcome.notification_id, outcome.incident)
        done = {name for name, note in notes.items() if note.state == DeliveryState.DELIVERED.value}
        return frozenset({outcome.endpoint, *done})

    def _tell(self, incident: Incident, step: Step) -> None:
        notification = self._notification(incident, step)
        self._ledger.expect(notification, self._submitter.matching(notification))
        seconds = self._turns.delay_seconds()
        if seconds > 0:
            self._after(seconds, lambda: self._submit(notification))
        else:
            self._submit(notification)
        self._mark(incident.id)
        self._on_step(incident)

    def _submit(self, notification: Notification) -> None:
        """Send it to whom it is still owed, and who is ours to tell."""
        self._settle(notification.id, DELIVERED_BY_SEAT)
        notes = self._ledger.about(notification.id, notification.incident)
        owed = {name for name in self._submitter.matching(notification) if name not in notes or not notes[name].final}
        owed -= self._handed_over(notification)
        if owed:
            self._submitter.submit(notification, endpoints=owed)

    def _settle(self, notification: str, reason: str) -> None:
        """Note where others delivered it: whoever reads the record need not do it again."""
        incident = notification.rpartition(".")[0]
        notes, elsewhere = self._ledger.about(notification, incident), self._turns.delivered_elsewhere(notification)
        for name in [name for name in elsewhere if name in notes and not notes[name].final]:
            delivered = DeliveryState.DELIVERED.value
            self._ledger.settle(incident, notification, name, delivered, reason, self._clock.now())
            self._mark(incident)

    def _handed_over(self, notification: Notification) -> set[str]:
        """Endpoints where an earlier word on the incident is the operator's to deliver: the later one is, too."""
        if notification.id == notification_id(notification.incident, 0) or not self._is_written(notification.incident):
            return set()
        notes = self._ledger.about(notification_id(notification.incident, 0), notification.incident)
        return {name for name, note in notes.items() if not note.final}

    def _notification(self, incident: Incident, step: Step) -> Notification:
        made = notification_for(incident, step, cluster=self._cluster(), source=self._source)
        parent = incident.fault.parent
        return made if made.parent or not parent else made.model_copy(update={"parent": parent})
