"""Who tells what, and when: ranks, doubles, resumption."""

from collections.abc import Callable, Collection

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.incident import Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.operator.clock import Clock
from nfvi_ha.operator.incident_record import DeliveryNote, IncidentRecord
from nfvi_ha.operator.ledger import Ledger
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome, DeliveryState

from .conftest import START


class Submissions:
    """Takes submissions for two endpoints that want everything."""

    names = frozenset({"vim-a", "vim-b"})

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def matching(self, notification: Notification) -> frozenset[str]:
        return self.names

    def submit(self, notification: Notification, *, endpoints: Collection[str] | None = None) -> frozenset[str]:
        chosen = self.names if endpoints is None else self.names & frozenset(endpoints)
        self.sent += [(notification.id, name) for name in sorted(chosen)]
        return chosen


class Replica:
    """A reporter with everything around it in the test's hands."""

    def __init__(self, clock: Clock, rank: int = 0) -> None:
        self.rank = rank
        self.submissions = Submissions()
        self.book = IncidentBook()
        self.ledger = Ledger()
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.marked: list[tuple[str, float]] = []
        self.steps: list[tuple[str, str]] = []
        self.reporter = Reporter(
            book=self.book,
            ledger=self.ledger,
            submitter=self.submissions,
            rank=lambda: self.rank,
            mark=lambda incident, seconds: self.marked.append((incident, seconds)),
            after=lambda seconds, call: self.later.append((seconds, call)),
            on_step=self._on_step,
            clock=clock,
            metrics=OperatorMetrics(CollectorRegistry()),
            cluster="cluster-1",
            source="operator/test",
        )

    def _on_step(self, incident: Incident, step: Step) -> None:
        self.steps.append((incident.id, step.name))

    def only(self) -> Incident:
        (incident,) = self.book
        return incident


def delivered(notification: str, endpoint: str, state: DeliveryState = DeliveryState.DELIVERED) -> DeliveryOutcome:
    return DeliveryOutcome(
        notification, notification.rpartition(".")[0], endpoint, state, 1, 204, "Delivered", 3.0, START
    )


def test_the_leader_tells_at_once_and_writes_after(clock: Clock, make_fault: Callable[..., Fault]) -> None:
    leader = Replica(clock)
    leader.reporter.raise_fault(make_fault(), clock.monotonic())
    identity = leader.only().id
    assert leader.submissions.sent == [(f"{identity}.0", "vim-a"), (f"{identity}.0", "vim-b")]
    assert leader.marked == [(identity, 0.15)], "the record is written after the first attempt had its time"


def test_the_same_fault_seen_again_tells_nothing(clock: Clock, make_fault: Callable[..., Fault]) -> None:
    leader = Replica(clock)
    for _ in range(3):
        leader.reporter.raise_fault(make_fault(), clock.monotonic())
    assert len(leader.submissions.sent) == 2
    assert [name for _, name in leader.steps] == ["raised"]


@pytest.mark.parametrize("rank", [1, 2])
def test_a_standby_waits_for_its_turn_and_uses_the_same_id(
    clock: Clock, make_fault: Callable[..., Fault], rank: int
) -> None:
    leader, standby = Replica(clock), Replica(clock, rank)
    for replica in (leader, standby):
        replica.reporter.raise_fault(make_fault(), clock.monotonic())
    assert standby.submissions.sent == []
    ((seconds, turn),) = standby.later
    assert seconds == pytest.approx(rank * 0.25)
    turn()
    assert standby.submissions.sent == leader.submissions.sent


def test_a_standby_tells_only_what_the_record_does_not_show_delivered(
    clock: Clock, make_fault: Callable[..., Fault]
) -> None:
    standby = Replica(clock, 1)
    standby.reporter.raise_fault(make_fault(), clock.monotonic())
    incident = standby.only()
    notes = (
        DeliveryNote(f"{incident.id}.0", "vm.failed", "vim-a", "Delivered"),
        DeliveryNote(f"{incident.id}.0", "vm.failed", "vim-b", "Retrying"),
    )
    standby.reporter.learn(IncidentRecord(incident, notes, "tenant", "1", closed=False))
    standby.later[0][1]()
    assert standby.submissions.sent == [(f"{incident.id}.0", "vim-b")]


def test_a_new_leader_finishes_what_is_open_in_order(clock: Clock, make_fault: Callable[..., Fault]) -> None:
    old = Replica(clock)
    old.reporter.raise_fault(make_fault(), clock.monotonic())
    old.reporter.act(old.only().id, Step("recovery.replacement.created", START, new_vm="fw-0-2"))
    old.reporter.clear(old.only().id, "served again")
    old.reporter.on_outcome(delivered(f"{old.only().id}.0", "vim-a"))
    record = IncidentRecord(old.only(), old.ledger.of(old.only().id), "tenant", "1", closed=False)

    new = Replica(clock)
    new.reporter.learn(record)
    new.reporter.resume()
    identity = old.only().id
    assert new.submissions.sent == [
        (f"{identity}.0", "vim-b"),
        (f"{identity}.1", "vim-a"),
        (f"{identity}.1", "vim-b"),
        (f"{identity}.2", "vim-a"),
        (f"{identity}.2", "vim-b"),
    ]


def test_a_record_written_before_any_delivery_was_noted_is_told_to_all(
    clock: Clock, make_fault: Callable[..., Fault]
) -> None:
    raised = IncidentBook().raise_fault(make_fault())
    assert raised is not None
    new = Replica(clock)
    new.reporter.learn(IncidentRecord(raised[0], (), "tenant", "1", closed=False))
    new.reporter.resume()
    assert {endpoint for _, endpoint in new.submissions.sent} == {"vim-a", "vim-b"}


def test_nothing_is_told_twice_after_everything_arrived(clock: Clock, make_fault: Callable[..., Fault]) -> None:
    leader = Replica(clock)
    leader.reporter.raise_fault(make_fault(), clock.monotonic())
    for endpoint in Submissions.names:
        leader.reporter.on_outcome(delivered(f"{leader.only().id}.0", endpoint))
    leader.submissions.sent.clear()
    leader.reporter.resume()
    assert leader.submissions.sent == []


def test_better_evidence_of_a_known_fault_is_recorded_but_not_told_again(
    clock: Clock, make_fault: Callable[..., Fault]
) -> None:
    leader = Replica(clock)
    leader.reporter.raise_fault(make_fault(proven=False), clock.monotonic())
    leader.marked.clear()
    leader.reporter.raise_fault(make_fault(proven=True), clock.monotonic())
    assert leader.only().evidence
    assert leader.marked
    assert len(leader.submissions.sent) == 2


def test_what_a_vim_took_once_stays_taken_whatever_is_said_later(
    clock: Clock, make_fault: Callable[..., Fault]
) -> None:
    leader = Replica(clock)
    leader.reporter.raise_fault(make_fault(), clock.monotonic())
    notification = f"{leader.only().id}.0"
    leader.reporter.on_outcome(delivered(notification, "vim-a"))
    leader.reporter.on_outcome(delivered(notification, "vim-a", DeliveryState.RETRYING))
    (note,) = [note for note in leader.ledger.of(leader.only().id) if note.endpoint == "vim-a"]
    assert note.state == "Delivered"
