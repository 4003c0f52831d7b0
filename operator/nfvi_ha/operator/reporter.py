"""From a fault to the VIM: first the notification, from memory; then everything else (DESIGN section 4).

Every replica reports what it sees. The leader at once; a replica of rank n after n x 250 ms, and only to endpoints
where the Incident does not show it delivered by then. Actions and clears follow recovery and are the leader's alone.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final, Protocol

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.operator.clock import Clock
from nfvi_ha.operator.incident_record import IncidentRecord
from nfvi_ha.operator.ledger import Ledger
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.notifications import notification_for
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome

log = logging.getLogger(__name__)

RANK_DELAY_SECONDS: Final = 0.25
FIRST_WRITE_SECONDS: Final = 0.15
"""How long a first attempt may take before the Incident is written without its outcome."""


class Submitter(Protocol):
    """The part of ``reporting.delivery.Deliverer`` that we use."""

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        """Start delivery to the matching endpoints (or those of them named) and return their names."""
        ...

    def matching(self, notification: Notification) -> frozenset[str]:
        """Names of the endpoints whose filter lets it through."""
        ...


class Reporter:
    """Raises, acts on and clears incidents, and sees to it that each step is told.

    Args:
        book: all incidents known.
        ledger: all deliveries known.
        submitter: delivers.
        rank: this replica's present rank, 0 for the leader.
        mark: asks for an incident's record to be written within so many seconds (a no-op unless leading).
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
        rank: Callable[[], int],
        mark: Callable[[str, float], None],
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
        self._rank = rank
        self._mark = mark
        self._after = after
        self._on_step = on_step
        self._clock = clock
        self._metrics = metrics
        self._cluster = cluster
        self._source = source

    def raise_fault(self, fault: Fault, seen_at: float) -> None:
        """Tell of a fault that is there now; nothing happens when that was done before.

        Args:
            fault: as found.
            seen_at: monotonic time at which the change that shows it was received.
        """
        raised = self._book.raise_fault(fault)
        if raised is None:
            known = self._book.open_incident(fault.resource, fault.kind)
            if known is not None and fault.evidence in known.evidence:
                self._mark(known.id, FIRST_WRITE_SECONDS)
            return
        incident, step = raised
        rank = self._rank()
        if rank == 0:
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

    def resume(self) -> None:
        """Having become leader: go on with everything that is not settled, in the order of each resource."""
        unsettled = sorted(self._book, key=lambda incident: (incident.fault.resource.name, incident.sequence_base))
        for incident in unsettled:
            for step in incident.steps:
                self._finish(incident, step)

    def on_outcome(self, outcome: DeliveryOutcome) -> None:
        """Note what became of an attempt."""
        self._ledger.outcome(outcome)
        self._mark(outcome.incident, 0.0)

    def notification(self, incident: Incident, step: Step) -> Notification:
        """What is said of a step."""
        return notification_for(incident, step, cluster=self._cluster, source=self._source)

    def _follow(self, made: tuple[Incident, Step] | None) -> None:
        if made is None:
            return
        incident, step = made
        self._tell(incident, step)
        log.info(
            "incident step",
            extra={
                "incident": incident.id,
                "step": step.name,
                "object": f"{incident.fault.resource.namespace}/{incident.fault.resource.name}",
                "new_vm": step.new_vm,
                "detail": step.message,
            },
        )
        self._on_step(incident, step)

    def _tell(self, incident: Incident, step: Step) -> None:
        notification = self.notification(incident, step)
        endpoints = self._submitter.submit(notification)
        self._ledger.expect(notification, endpoints)
        self._mark(incident.id, FIRST_WRITE_SECONDS if endpoints else 0.0)

    def _stand_in(self, incident: str, step: Step) -> None:
        """The leader had its time: tell what it did not."""
        known = self._book.get(incident)
        if known is not None:
            self._finish(known, step)

    def _finish(self, incident: Incident, step: Step) -> None:
        notification = self.notification(incident, step)
        wanted = self._ledger.endpoints(notification.id, incident.id) or self._submitter.matching(notification)
        missing = wanted - self._ledger.settled(notification.id, incident.id)
        if missing:
            self._ledger.expect(notification, self._submitter.submit(notification, endpoints=missing))
            self._mark(incident.id, FIRST_WRITE_SECONDS)
        elif not self._ledger.endpoints(notification.id, incident.id):
            self._mark(incident.id, 0.0)
