"""Who tells what, and when: ranks, doubles, resumption."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from nfvi_ha.core.fault import Fault, FaultKind
from nfvi_ha.core.incident import Step
from nfvi_ha.operator.reporter import RECORD_FIRST_SECONDS
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.outcome import QUEUE_FULL, DeliveryState
from nfvi_ha.reporting.record.incident_record import DeliveryNote, IncidentRecord

from .api_server import ApiServer
from .conftest import START
from .desk import DAY, Desk, later

MakeFault = Callable[..., Fault]
NamedState = tuple[str, str, str]


@pytest.fixture
def make_desk(clock: Clock) -> Callable[..., Desk]:
    server = ApiServer()

    def make(rank: int = 0) -> Desk:
        desk = Desk(server, clock)
        desk.rank = rank
        return desk

    return make


def deliver_all(desk: Desk) -> None:
    for endpoint in sorted(desk.deliveries.endpoints):
        while (one := desk.deliveries.first(endpoint)) is not None:
            desk.deliveries.tell(one, endpoint, DeliveryState.DELIVERED)


def successor(desk: Desk, clock: Clock) -> Desk:
    """The next leader, which knows what is on record."""
    heir = Desk(desk.server, clock, endpoints=desk.deliveries.endpoints)
    heir.watch()
    return heir


def states(desk: Desk) -> set[NamedState]:
    notes = desk.ledger.of(desk.only().id)
    return {(note.notification.rpartition(".")[2], note.endpoint, note.state) for note in notes}


def test_the_leader_tells_at_once_and_writes_after(make_desk: Callable[..., Desk], make_fault: MakeFault) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    identity = leader.only().id
    assert leader.deliveries.submitted == [(f"{identity}.0", "vim-a"), (f"{identity}.0", "vim-b")]
    assert leader.marked == {identity: 0.15}, "the record is written after the first attempt had its time"
    assert leader.server.calls == []


def test_the_same_fault_seen_again_tells_nothing(make_desk: Callable[..., Desk], make_fault: MakeFault) -> None:
    leader = make_desk()
    for _ in range(3):
        leader.reporter.raise_fault(make_fault(), 0.0)
    assert len(leader.deliveries.submitted) == 2
    assert [name for _, name in leader.steps] == ["raised"]


@pytest.mark.parametrize("rank", [1, 2])
def test_a_standby_waits_for_its_turn_and_uses_the_same_id(
    make_desk: Callable[..., Desk], make_fault: MakeFault, rank: int
) -> None:
    leader, standby = make_desk(), make_desk(rank)
    for replica in (leader, standby):
        replica.reporter.raise_fault(make_fault(), 0.0)
    assert standby.deliveries.submitted == []
    ((seconds, turn),) = standby.later
    assert seconds == pytest.approx(rank * 0.25)
    turn()
    assert standby.deliveries.submitted == leader.deliveries.submitted


def test_a_standby_tells_only_what_the_record_does_not_show_delivered(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    standby = make_desk(1)
    standby.reporter.raise_fault(make_fault(), 0.0)
    incident = standby.only()
    notes = (
        DeliveryNote(f"{incident.id}.0", "vm.failed", "vim-a", "Delivered"),
        DeliveryNote(f"{incident.id}.0", "vm.failed", "vim-b", "Retrying"),
    )
    standby.reporter.learn(IncidentRecord(incident, notes, "tenant", "1", closed=False))
    standby.later[0][1]()
    assert standby.deliveries.submitted == [(f"{incident.id}.0", "vim-b")]


def test_what_recovery_does_is_told_once_it_is_on_record(make_desk: Callable[..., Desk], make_fault: MakeFault) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    identity = leader.only().id
    leader.reporter.act(identity, Step("recovery.replacement.created", START, new_vm="fw-0-2"))
    leader.reporter.clear(identity, "served again")
    assert {name for name, _ in leader.deliveries.submitted} == {f"{identity}.0"}
    leader.write()
    assert [name for name, _ in leader.deliveries.submitted[2:]] == [f"{identity}.{n}" for n in (1, 1, 2, 2)]


def test_what_cannot_be_recorded_is_told_all_the_same_after_a_second(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    identity = leader.only().id
    leader.reporter.act(identity, Step("recovery.held", START))
    leader.reporter.clear(identity, "served again")
    (seconds, waited), _ = leader.later
    assert seconds == RECORD_FIRST_SECONDS
    waited()
    assert [name for name, _ in leader.deliveries.submitted[2:]] == [f"{identity}.1"] * 2


def test_what_could_not_be_recorded_before_leadership_was_lost_is_left_to_the_next_leader(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.reporter.clear(leader.only().id, "served again")
    leader.rank = 1
    leader.reporter.stop_leading()
    for _, waited in leader.later:
        waited()
    assert len(leader.deliveries.submitted) == 2


def test_a_new_fault_does_not_pass_by_what_waits_on_its_resource(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(kind=FaultKind.VM_UNREADY), 0.0)
    leader.reporter.clear(leader.only().id, "ended")
    leader.reporter.raise_fault(make_fault(), 0.0)
    sequences = [
        one.sequence for one in leader.deliveries.pending["vim-a"]["VirtualMachineInstance", "tenant", "fw-0-1"]
    ]
    assert sequences == [1, 2, 3]


def test_a_new_leader_finishes_what_is_open_in_order(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    old = make_desk()
    old.reporter.raise_fault(make_fault(), 0.0)
    identity = old.only().id
    old.reporter.act(identity, Step("recovery.replacement.created", START, new_vm="fw-0-2"))
    old.reporter.clear(identity, "served again")
    first = old.deliveries.first("vim-a")
    assert first is not None
    old.deliveries.tell(first, "vim-a", DeliveryState.DELIVERED)
    old.write()
    new = successor(old, clock)
    new.reporter.resume()
    assert new.deliveries.submitted == [
        (f"{identity}.0", "vim-b"),
        (f"{identity}.1", "vim-a"),
        (f"{identity}.1", "vim-b"),
        (f"{identity}.2", "vim-a"),
        (f"{identity}.2", "vim-b"),
    ]


def test_incidents_that_interleave_on_one_resource_are_resumed_in_its_order(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    old = make_desk()
    old.reporter.raise_fault(make_fault(kind=FaultKind.VM_UNREADY), 0.0)
    old.reporter.raise_fault(make_fault(), 0.0)
    for incident in list(old.book):
        old.reporter.clear(incident.id, "over")
    old.write()
    new = successor(old, clock)
    new.reporter.resume()
    lane = new.deliveries.pending["vim-a"]["VirtualMachineInstance", "tenant", "fw-0-1"]
    submitted = [name for name, endpoint in new.deliveries.submitted if endpoint == "vim-a"]
    assert submitted == [one.id for one in lane], "nothing has to be put before what was submitted"
    assert [one.sequence for one in lane] == [1, 2, 3, 4]


def test_a_standby_tells_what_a_dead_leader_owes_before_what_is_new(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(kind=FaultKind.VM_PAUSED), 0.0)
    leader.reporter.clear(leader.only().id, "over")
    leader.write()
    standby = make_desk(1)
    standby.watch()
    standby.reporter.raise_fault(make_fault(), 0.0)
    standby.later[0][1]()
    lane = standby.deliveries.pending["vim-a"]["VirtualMachineInstance", "tenant", "fw-0-1"]
    assert [one.sequence for one in lane] == [1, 2, 3]
    assert standby.deliveries.submitted[0][0].endswith(".0")


def test_what_a_standby_delivered_is_on_record_once_it_leads(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    standby = make_desk(1)
    standby.reporter.raise_fault(make_fault(), 0.0)
    standby.later[0][1]()
    deliver_all(standby)
    standby.rank = 0
    standby.reporter.resume()
    standby.write()
    assert standby.stored()["status"]["delivered"] == "2/2"


def test_nothing_is_told_twice_after_everything_arrived(make_desk: Callable[..., Desk], make_fault: MakeFault) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    deliver_all(leader)
    leader.reporter.resume()
    assert len(leader.deliveries.submitted) == 2


def test_a_new_endpoint_is_told_what_is_broken_now_and_nothing_that_is_over(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault("gone", "uid-0"), 0.0)
    leader.reporter.clear(leader.only().id, "over")
    leader.reporter.raise_fault(make_fault("broken", "uid-2"), 0.0)
    (broken,) = leader.book.open_incidents()
    leader.reporter.act(broken.id, Step("recovery.held", START))
    for replica in (leader, None):
        heir = replica or successor(leader, clock)
        heir.write()
        heir.deliveries.submitted.clear()
        heir.deliveries.endpoints.add("vim-new")
        heir.reporter.resume()
        assert [each for each in heir.deliveries.submitted if each[1] == "vim-new"] == [(f"{broken.id}.0", "vim-new")]
        leader.deliveries.endpoints.discard("vim-new")
        if replica:
            leader.write()
    heir.reporter.clear(broken.id, "over")
    heir.settle()
    assert (f"{broken.id}.2", "vim-new") in heir.deliveries.submitted


def test_a_record_that_nobody_wanted_is_told_to_no_endpoint_that_comes_after_its_end(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.deliveries.endpoints.clear()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.reporter.clear(leader.only().id, "over")
    leader.settle()
    assert leader.stored()["status"]["phase"] == "Closed"
    heir = successor(leader, clock)
    heir.deliveries.endpoints.add("vim-new")
    heir.reporter.resume()
    assert heir.deliveries.submitted == []


def test_an_endpoint_that_was_removed_while_nobody_looked_is_given_up(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.write()
    heir = successor(leader, clock)
    heir.deliveries.endpoints.discard("vim-b")
    heir.reporter.resume()
    heir.settle()
    notes = {d["endpoint"]: (d["state"], d["reason"]) for d in heir.stored()["status"]["deliveries"]}
    assert notes == {"vim-a": ("Delivered", ""), "vim-b": ("Parked", "EndpointRemoved")}


def test_an_endpoint_that_comes_back_is_told_what_is_still_broken(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.write()
    heir = successor(leader, clock)
    heir.deliveries.endpoints.discard("vim-b")
    heir.reporter.resume()
    heir.deliveries.endpoints.add("vim-b")
    heir.reporter.resume()
    deliver_all(heir)
    assert states(heir) == {("0", "vim-a", "Delivered"), ("0", "vim-b", "Delivered")}


def test_an_endpoint_that_does_not_want_it_any_more_is_given_up(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.write()
    heir = successor(leader, clock)
    heir.deliveries.unwanting.add("vim-b")
    heir.reporter.resume()
    assert ("0", "vim-b", "Parked") in states(heir)


@pytest.mark.parametrize(("age", "state"), [(DAY - 1, "Pending"), (DAY, "Expired")])
def test_an_endpoint_that_is_unusable_since_the_start_is_waited_for_until_the_notification_expires(
    clock: Clock, time: object, make_desk: Callable[..., Desk], make_fault: MakeFault, age: float, state: str
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(seconds=-age), 0.0)
    leader.write()
    heir = successor(leader, clock)
    heir.deliveries.unusable.add("vim-b")
    heir.reporter.resume()
    assert ("0", "vim-b", state) in states(heir)


def test_what_found_no_room_in_memory_is_submitted_again_in_order(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    leader.reporter.clear(leader.only().id, "over")
    leader.write()
    for one in list(leader.deliveries.pending["vim-a"]["VirtualMachineInstance", "tenant", "fw-0-1"]):
        leader.deliveries.tell(one, "vim-a", DeliveryState.RETRYING, QUEUE_FULL, attempts=0)
    leader.deliveries.pending["vim-a"].clear()
    leader.deliveries.submitted.clear()
    leader.reporter.resume()
    assert leader.deliveries.submitted == [(f"{leader.only().id}.{n}", "vim-a") for n in (0, 1)]
    leader.settle()
    assert leader.stored()["status"]["phase"] == "Closed"


def test_better_evidence_of_a_known_fault_is_recorded_but_not_told_again(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(proven=False), 0.0)
    leader.marked.clear()
    leader.reporter.raise_fault(make_fault(proven=False), 0.0)
    assert not leader.marked
    leader.reporter.raise_fault(make_fault(proven=True), 0.0)
    assert leader.only().evidence
    assert leader.marked
    assert len(leader.deliveries.submitted) == 2


def test_what_a_vim_took_once_stays_taken_whatever_is_said_later(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    one = leader.deliveries.first("vim-a")
    assert one is not None
    leader.deliveries.tell(one, "vim-a", DeliveryState.DELIVERED)
    leader.deliveries.tell(one, "vim-a", DeliveryState.RETRYING)
    assert ("0", "vim-a", "Delivered") in states(leader)


def test_attempts_of_several_processes_add_up(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(), 0.0)
    one = leader.deliveries.first("vim-a")
    assert one is not None
    for attempts in (1, 2, 3):
        leader.deliveries.tell(one, "vim-a", DeliveryState.RETRYING, "HTTP500", attempts=attempts)
    leader.write()
    heir = successor(leader, clock)
    heir.reporter.resume()
    for attempts in (1, 2):
        state = DeliveryState.DELIVERED if attempts == 2 else DeliveryState.RETRYING
        heir.deliveries.tell(one, "vim-a", state, attempts=attempts)
    (note,) = [note for note in heir.ledger.of(heir.only().id) if note.endpoint == "vim-a"]
    assert note.attempts == 5


def test_the_raise_of_a_fault_carries_the_time_at_which_it_was_seen_whoever_sends_it(
    make_desk: Callable[..., Desk], clock: Clock, make_fault: MakeFault
) -> None:
    leader = make_desk()
    leader.reporter.raise_fault(make_fault(seconds=-3600.0), 0.0)
    leader.write()
    heir = successor(leader, clock)
    heir.reporter.resume()
    one = heir.deliveries.first("vim-a")
    assert one is not None
    assert one.time == START - timedelta(hours=1) == START - later(3600.0), "expiresAfter counts from there"


def test_a_standby_does_not_tell_what_went_by_before_its_turn_and_nobody_recorded(
    make_desk: Callable[..., Desk], make_fault: MakeFault
) -> None:
    standby = make_desk(1)
    standby.reporter._went_by = lambda _: True
    standby.reporter.raise_fault(make_fault(), 0.0)
    standby.later[0][1]()
    assert standby.deliveries.submitted == []
    assert list(standby.book) == [], "seen again, it is told again"
