"""One seat's telling without sockets: the real parts, with delivery, scribe, disk and time in a test's hands."""

import heapq
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.sentinel.handover import Handover
from nfvi_ha.sentinel.spool import Spool
from nfvi_ha.sentinel.teller import Teller
from nfvi_ha.sentinel.turns import Turns

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JsonObject = dict[str, Any]


class Now(Executor):
    """Does everything at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except OSError as error:
            done.set_exception(error)
        return done


class Desk:
    """One seat."""

    def __init__(self, directory: Path, *, seat: int = 0, alive: Sequence[int] = (0, 1, 2)) -> None:
        self.now = 0.0
        self.alive = list(alive)
        self.endpoints = ["vim"]
        self.submitted: list[tuple[str, str]] = []
        """Notification type and endpoint, as handed to delivery."""
        self.notifications: dict[str, Notification] = {}
        self.told: list[tuple[str, frozenset[str]]] = []
        self.withdrawn: list[str] = []
        self.lines: list[JsonObject] = []
        self.defects = 0
        self.scribe = True
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.clock = Clock(lambda: self.now, lambda: START + timedelta(seconds=self.now))
        self.book, self.ledger = IncidentBook(), Ledger()
        self.spool = Spool(
            directory, Now(), on_saved=lambda *saved: self.handover.saved(*saved), on_error=lambda _: None
        )
        self.handover = Handover(
            book=self.book,
            ledger=self.ledger,
            spool=self.spool,
            send=self._send,
            withdraw=self.withdrawn.append,
            after=self.after,
            namespace="nfvi-ha-system",
            cluster=lambda: "site-1",
            on_defect=self._defect,
        )
        self.teller = Teller(
            book=self.book,
            ledger=self.ledger,
            submitter=self,
            turns=Turns(seat, lambda: [other for other in self.alive if other != seat]),
            mark=self.handover.mark,
            is_written=self.handover.is_written,
            tell_seats=lambda notification, endpoints: self.told.append((notification, endpoints)),
            after=self.after,
            clock=self.clock,
            cluster=lambda: "site-1",
            source=f"sentinel/{seat}",
        )

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        names = frozenset(self.endpoints if endpoints is None else endpoints)
        self.notifications[notification.id] = notification
        self.submitted += [(notification.type.value, name) for name in sorted(names)]
        return names

    def matching(self, _: Notification) -> frozenset[str]:
        return frozenset(self.endpoints)

    def delivered(self, notification: str, endpoint: str = "vim") -> None:
        incident = notification.rpartition(".")[0]
        self.teller.on_outcome(
            DeliveryOutcome(
                notification, incident, endpoint, DeliveryState.DELIVERED, 1, 204, "Delivered", 5.0, self.clock.now()
            )
        )

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + seconds, next(self._order), call))

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, call = heapq.heappop(self._timers)
            call()
        self.now = until

    def _defect(self) -> None:
        self.defects += 1

    def _send(self, line: JsonObject) -> bool:
        if self.scribe:
            self.lines.append(line)
        return self.scribe


def fault(kind: FaultKind = FaultKind.HYPERVISOR_FAILED, **changes: Any) -> Fault:
    fields: dict[str, Any] = {
        "kind": kind,
        "resource": ResourceRef("Hypervisor", "", "worker-1", "boot-1"),
        "cause": "Silent",
        "message": "worker-1 is silent",
        "severity": Severity.CRITICAL,
        "confidence": Confidence.HIGH,
        "detected_at": START,
        "node": "worker-1",
    }
    return Fault(**{**fields, **changes})
