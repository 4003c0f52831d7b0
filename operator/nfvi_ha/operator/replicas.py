"""The other replicas of the operator: whoever is missing is told (H1). A sentinel that sees the same says the same."""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.redundancy import SILENT_SECONDS, lost_replicas
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.reporting.clock import Clock

REPLICA_KIND: Final = "OperatorReplica"
REPLICA_UID: Final = "replica"
CAUSE_SILENT: Final = "ReplicaSilent"
PERIOD_SECONDS: Final = 1.0
GAP_SECONDS: Final = 5.0
"""So long without a look, nothing is known of what happened meanwhile: perhaps nobody could renew anything."""


class Members(Protocol):
    """The part of ``kube.membership.Membership`` that we use."""

    @property
    def looked_at(self) -> float:
        """When the member Leases were last read (monotonic seconds); minus infinity before the first time."""
        ...

    def renewals(self) -> Mapping[str, float]:
        """When each member's Lease was last seen to change (monotonic seconds), by identity."""
        ...


class Replicas:
    """Compares who renews with how many there should be.

    Args:
        members: who announced themselves.
        expected: how many replicas there should be; 0 if nobody knows.
        book: all incidents: one that is open says that its replica was lost before.
        reporter: raises and clears.
        leading: whether this replica clears.
        ready: whether everything was seen once.
        clock: time.
    """

    def __init__(
        self,
        members: Members,
        *,
        expected: int,
        book: IncidentBook,
        reporter: Reporter,
        leading: Callable[[], bool],
        ready: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._members = members
        self._expected = expected
        self._book = book
        self._reporter = reporter
        self._leading = leading
        self._ready = ready
        self._clock = clock
        self._looked_at = -math.inf
        self._judge_from = -math.inf

    async def run(self) -> None:
        """Look for ever."""
        while True:
            if self._ready():
                self.look()
            await asyncio.sleep(PERIOD_SECONDS)

    def look(self) -> None:
        """Tell who is lost and who is back, by what was read last."""
        looked_at = self._members.looked_at
        if looked_at == self._looked_at:
            return
        if looked_at - self._looked_at > GAP_SECONDS:
            self._judge_from = looked_at + SILENT_SECONDS
        self._looked_at = looked_at
        if looked_at < self._judge_from:
            return
        renewed = self._members.renewals()
        known = {incident.fault.resource.name: incident.id for incident in self._open()}
        live = sum(looked_at - at <= SILENT_SECONDS for at in renewed.values())
        for identity, lost in sorted(lost_replicas(renewed, known, self._expected, looked_at).items()):
            if lost:
                self._reporter.raise_fault(self._fault(identity, live), self._clock.monotonic())
            elif identity in known and self._leading():
                self._reporter.clear(known[identity], f"{live} replicas of the operator live")

    def _open(self) -> list[Incident]:
        return [
            incident
            for incident in self._book.open_incidents()
            if incident.fault.kind is FaultKind.REDUNDANCY_LOST and incident.fault.resource.kind == REPLICA_KIND
        ]

    def _fault(self, identity: str, live: int) -> Fault:
        of = f" of {self._expected}" if self._expected else ""
        return Fault(
            kind=FaultKind.REDUNDANCY_LOST,
            resource=ResourceRef(REPLICA_KIND, "", identity, REPLICA_UID),
            cause=CAUSE_SILENT,
            message=f"operator replica {identity} has not renewed its Lease for {SILENT_SECONDS:g} s; {live}{of} live",
            severity=Severity.MAJOR,
            confidence=Confidence.HIGH,
            detected_at=self._clock.now(),
        )
