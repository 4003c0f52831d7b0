"""One operator replica as far as Incidents go: the real parts, with submitter, API and clock in a test's hands."""

from bisect import insort
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.retention import Policy, Present
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.records import Records
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.seal import SECRET_NAME

from .api_server import ApiServer, Obj
from .conftest import START

SYSTEM = "nfvi-ha-system"
KEY = {"k1": b"k" * 32}
DAY = 86_400.0
Lanes = dict[tuple[str, str, str], list[Notification]]


class Deliveries:
    """Stands for the Deliverer: keeps the order of each resource, and sends when it is told to."""

    def __init__(self, endpoints: Collection[str], on_outcome: Callable[[DeliveryOutcome], None]) -> None:
        self.endpoints = set(endpoints)
        self.unusable: set[str] = set()
        """They exist, and were never usable since the start."""
        self.unwanting: set[str] = set()
        self.pending: dict[str, Lanes] = {}
        self.submitted: list[tuple[str, str]] = []
        self._on_outcome = on_outcome
        self._done: dict[tuple[str, str], DeliveryOutcome] = {}

    def matching(self, _: Notification) -> frozenset[str]:
        return frozenset(self.endpoints - self.unusable - self.unwanting)

    def status(self) -> dict[str, object]:
        return dict.fromkeys(self.endpoints - self.unusable)

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        names = self.matching(notification) & (self.endpoints if endpoints is None else set(endpoints))
        for name in sorted(names):
            if (told := self._done.get((notification.id, name))) is not None:
                self._on_outcome(told)
                continue
            lane = self.pending.setdefault(name, {}).setdefault(notification.resource.key, [])
            if all(each.id != notification.id for each in lane):
                self.submitted.append((notification.id, name))
                insort(lane, notification, lo=min(1, len(lane)), key=lambda each: each.sequence)
        return frozenset(names)

    def first(self, endpoint: str, choice: int = 0) -> Notification | None:
        """One of those that may go now."""
        lanes = [lane for lane in self.pending.get(endpoint, {}).values() if lane]
        return lanes[choice % len(lanes)][0] if lanes else None

    def tell(self, one: Notification, endpoint: str, state: DeliveryState, reason: str = "", attempts: int = 1) -> None:
        outcome = DeliveryOutcome(one.id, one.incident, endpoint, state, attempts, None, reason, None, START)
        if state is not DeliveryState.RETRYING:
            self.pending[endpoint][one.resource.key].remove(one)
            self._done[one.id, endpoint] = outcome
        self._on_outcome(outcome)


class Desk:
    """A leading replica."""

    def __init__(
        self,
        server: ApiServer,
        clock: Clock,
        *,
        endpoints: Collection[str] = ("vim-a", "vim-b"),
        keys: dict[str, bytes] | None = None,
        policy: Policy = Policy(),  # noqa: B008 - frozen
    ) -> None:
        self.server = server
        self.rank = 0
        self.book, self.ledger = IncidentBook(), Ledger()
        self.marked: dict[str, float] = {}
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.learned: list[Callable[[], None]] = []
        self.eager = False
        """Go on with what was learned at once."""
        self.written: list[str] = []
        self.steps: list[tuple[str, str]] = []
        self.events: list[tuple[str, str]] = []
        self.present = Present(frozenset(), frozenset())
        self.secrets: dict[str, Secret] = {}
        self.registry = CollectorRegistry()
        metrics = OperatorMetrics(self.registry)
        self.deliveries = Deliveries(endpoints, lambda outcome: self.reporter.on_outcome(outcome))
        self.records = Records(
            server,  # type: ignore[arg-type]
            book=self.book,
            ledger=self.ledger,
            secrets=lambda: self.secrets,
            reporter=lambda: self.reporter,
            present=lambda: self.present,
            leading=lambda: self.rank == 0,
            mark=self._mark,
            after=lambda seconds, call: call() if self.eager else self.learned.append(call),
            on_written=self.written.append,
            on_learned=lambda before, after: None,
            emit=lambda regarding, type_, reason, note: self.events.append((regarding["name"], reason)),
            clock=clock,
            metrics=metrics,
            namespace=SYSTEM,
            cluster="c",
            policy=policy,
        )
        self.outbox = self.records.outbox
        self.reporter = Reporter(
            book=self.book,
            ledger=self.ledger,
            submitter=self.deliveries,  # type: ignore[arg-type]
            endpoints=lambda: dict.fromkeys(self.deliveries.endpoints, DAY),
            rank=lambda: self.rank,
            mark=self._mark,
            is_closed=self.outbox.is_closed,
            after=lambda seconds, call: self.later.append((seconds, call)),
            on_step=self._on_step,
            clock=clock,
            metrics=metrics,
            cluster="cluster-1",
            source="operator/test",
        )
        self.use_keys(KEY if keys is None else keys)

    def use_keys(self, keys: dict[str, bytes]) -> None:
        if keys:
            self.secrets[SECRET_NAME] = Secret(SECRET_NAME, keys)
            self.records.secrets_changed()

    def watch(self) -> None:
        """See everything that is there, and from now on every change."""
        for obj in list(self.server.objects.values()):
            self.see("ADDED", obj)
        self.server.on_event = self.see

    def see(self, type_: str, obj: Obj) -> None:
        view = self.records.intake.view(obj)
        if view is not None:
            self.records.changed(*((view, None) if type_ == "DELETED" else (None, view)))

    def write(self, *identities: str) -> None:
        """The record queue works, once, on what is asked for (all that is marked)."""
        for identity in identities or tuple(self.marked):
            self.marked.pop(identity, None)
            try:
                at_once(self.outbox.write(identity))
            except KubeError:
                self.marked[identity] = 1.0

    def settle(self) -> None:
        """Write and deliver until there is nothing left to do."""
        for _ in range(200):
            for endpoint in self.deliveries.endpoints:
                while (one := self.deliveries.first(endpoint)) is not None:
                    self.deliveries.tell(one, endpoint, DeliveryState.DELIVERED)
            if not self.marked:
                return
            self.write()
        raise AssertionError(f"does not come to rest: {self.marked}")

    def refused(self, reason: str) -> float:
        labels = {"kind": "Incident", "reason": reason}
        return self.registry.get_sample_value("nfvi_ha_refused_objects_total", labels) or 0.0

    def only(self) -> Incident:
        (incident,) = self.book
        return incident

    def stored(self, namespace: str = "tenant") -> Obj:
        """The one record of a namespace."""
        (obj,) = [obj for (place, _), obj in self.server.objects.items() if place == namespace]
        return obj

    def _mark(self, incident: str, seconds: float) -> None:
        if self.rank == 0:
            self.marked[incident] = min(seconds, self.marked.get(incident, seconds))

    def _on_step(self, incident: Incident, step: Step) -> None:
        self.steps.append((incident.id, step.name))


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what never has to wait, as nothing does here; a loop of its own each time would be most of the work."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
