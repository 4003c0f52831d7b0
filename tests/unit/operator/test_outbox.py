"""The record of an incident: when it is written, where, and what happens when somebody else wrote it."""

from collections.abc import Callable

import pytest

from nfvi_ha.core.fault import Fault
from nfvi_ha.core.incident import ActionName, Step
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.outcome import DeliveryState
from nfvi_ha.reporting.record.outbox import TERMINATING_SECONDS

from .api_server import ApiServer
from .conftest import START, Time
from .desk import SYSTEM, Desk

FINALIZER = "nfvi-ha.io/undelivered"
MakeFault = Callable[..., Fault]


def raised(desk: Desk, fault: Fault) -> str:
    before = {incident.id for incident in desk.book}
    desk.reporter.raise_fault(fault, 0.0)
    (new,) = {incident.id for incident in desk.book} - before
    return new


def deliver(desk: Desk, *endpoints: str, state: DeliveryState = DeliveryState.DELIVERED) -> None:
    for endpoint in endpoints or sorted(desk.deliveries.endpoints):
        one = desk.deliveries.first(endpoint)
        assert one is not None
        desk.deliveries.tell(one, endpoint, state)


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def desk(server: ApiServer, clock: Clock) -> Desk:
    desk = Desk(server, clock)
    desk.watch()
    return desk


def test_a_record_is_made_with_the_outcome_of_the_first_attempt(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    assert not desk.outbox.is_written(identity)
    deliver(desk)
    desk.write()
    stored = desk.stored()
    assert stored["status"]["deliveries"][0]["state"] == "Delivered"
    assert stored["status"]["delivered"] == "2/2"
    assert desk.written == [identity]
    assert desk.outbox.is_written(identity)


def test_what_has_not_changed_is_not_written_again(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    desk.write()
    calls = len(desk.server.calls)
    desk.write(identity)
    assert len(desk.server.calls) == calls


def test_a_namespace_that_is_going_away_does_not_lose_the_record(desk: Desk, make_fault: MakeFault) -> None:
    desk.server.terminating.add("tenant")
    identity = raised(desk, make_fault())
    desk.write()
    assert desk.stored(SYSTEM)["metadata"]["name"] == identity
    assert desk.stored(SYSTEM)["spec"]["resource"]["namespace"] == "tenant"


def test_a_record_that_another_replica_wrote_is_taken_over_and_merged(
    server: ApiServer, clock: Clock, make_fault: MakeFault
) -> None:
    first, second = Desk(server, clock), Desk(server, clock)
    raised(first, make_fault())
    deliver(first, "vim-a")
    first.write()
    raised(second, make_fault())
    deliver(second, "vim-b")
    second.write()
    states = {d["endpoint"]: d["state"] for d in second.stored()["status"]["deliveries"]}
    assert states == {"vim-a": "Delivered", "vim-b": "Delivered"}


async def test_a_stale_writer_is_refused_then_merges(server: ApiServer, clock: Clock, make_fault: MakeFault) -> None:
    first, second = Desk(server, clock), Desk(server, clock)
    identity = raised(first, make_fault())
    await first.outbox.write(identity)
    raised(second, make_fault())
    deliver(second, "vim-b")
    await second.outbox.write(identity)
    deliver(first, "vim-a")
    with pytest.raises(Conflict):
        await first.outbox.write(identity)
    await first.outbox.write(identity)
    assert {d["state"] for d in first.stored()["status"]["deliveries"]} == {"Delivered"}


async def test_a_record_that_vanished_is_made_again(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    await desk.outbox.write(identity)
    desk.server.objects.clear()
    deliver(desk)
    with pytest.raises(NotFound):
        await desk.outbox.write(identity)
    await desk.outbox.write(identity)
    assert desk.stored()["metadata"]["name"] == identity


def test_the_finalizer_goes_with_the_last_delivery(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    desk.write()
    assert desk.stored()["metadata"]["finalizers"] == [FINALIZER]
    desk.reporter.clear(identity, "over")
    deliver(desk)
    desk.write()
    assert desk.stored()["metadata"]["finalizers"] == [FINALIZER], "the clear has not arrived"
    desk.settle()
    assert desk.stored()["status"]["phase"] == "Closed"
    assert desk.stored()["metadata"]["finalizers"] == []
    assert desk.outbox.is_closed(identity)


async def test_a_deleted_record_stays_until_all_is_delivered(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    desk.reporter.clear(identity, "over")
    await desk.outbox.write(identity)
    await desk.server.delete(None, identity, "tenant")
    await desk.outbox.write(identity)
    assert desk.stored()["metadata"]["deletionTimestamp"]
    for _ in range(2):
        deliver(desk)
    for _ in range(2):
        await desk.outbox.write(identity)
    assert not desk.server.objects
    desk.marked.clear()
    desk.reporter.resume()
    assert not desk.marked, "it is not made again"


async def test_a_deleted_record_of_a_fault_that_is_not_over_goes_and_is_made_again(
    desk: Desk, make_fault: MakeFault
) -> None:
    identity = raised(desk, make_fault())
    deliver(desk)
    await desk.outbox.write(identity)
    uid = desk.stored()["metadata"]["uid"]
    await desk.server.delete(None, identity, "tenant")
    await desk.outbox.write(identity)
    assert not desk.server.objects
    await desk.outbox.write(identity)
    assert desk.stored()["metadata"]["uid"] != uid
    assert desk.stored()["status"]["delivered"] == "2/2"


async def test_a_terminating_namespace_is_held_up_for_a_bounded_time_then_the_record_moves(
    desk: Desk, time: Time, make_fault: MakeFault
) -> None:
    identity = raised(desk, make_fault())
    deliver(desk, "vim-a")
    await desk.outbox.write(identity)
    desk.server.terminating.add("tenant")
    await desk.server.delete(None, identity, "tenant")
    await desk.outbox.write(identity)
    assert ("tenant", identity) in desk.server.objects
    assert 0 < desk.marked[identity] <= TERMINATING_SECONDS <= 60
    time.forward(TERMINATING_SECONDS)
    await desk.outbox.write(identity)
    assert ("tenant", identity) not in desk.server.objects, "the namespace can go"
    states = {d["endpoint"]: d["state"] for d in desk.stored(SYSTEM)["status"]["deliveries"]}
    assert states == {"vim-a": "Delivered", "vim-b": "Pending"}
    deliver(desk, "vim-b")
    await desk.outbox.write(identity)
    assert desk.stored(SYSTEM)["status"]["delivered"] == "2/2"


async def test_a_record_that_somebody_deleted_does_not_move_while_its_namespace_lives(
    desk: Desk, time: Time, make_fault: MakeFault
) -> None:
    identity = raised(desk, make_fault())
    await desk.outbox.write(identity)
    await desk.server.delete(None, identity, "tenant")
    time.forward(TERMINATING_SECONDS * 3)
    await desk.outbox.write(identity)
    assert list(desk.server.objects) == [("tenant", identity)]
    assert desk.marked[identity] > 0, "and is looked at again"


async def test_a_move_that_was_begun_is_finished_by_the_next_leader(
    desk: Desk, clock: Clock, time: Time, make_fault: MakeFault
) -> None:
    identity = raised(desk, make_fault())
    deliver(desk, "vim-a")
    await desk.outbox.write(identity)
    desk.server.terminating.add("tenant")
    await desk.server.delete(None, identity, "tenant")
    time.forward(TERMINATING_SECONDS)
    left = ["create", "create", "patch status"]

    class Stop(BaseException): ...

    def trouble(call: str, done: bool) -> BaseException | None:
        if done:
            left.remove(call)
        return Stop() if call == "patch" else None

    desk.server.trouble = trouble
    with pytest.raises(Stop):
        await desk.outbox.write(identity)
    desk.server.trouble = lambda call, done: None
    assert len(desk.server.objects) == 2
    heir = Desk(desk.server, clock)
    heir.watch()
    for go_on in heir.learned:
        go_on()
    assert heir.deliveries.submitted == [(f"{identity}.0", "vim-b")]
    await heir.outbox.write(identity)
    assert list(desk.server.objects) == [(SYSTEM, identity)]


def test_foreign_finalizers_are_left_alone(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    desk.write()
    obj = desk.stored()
    obj["metadata"]["finalizers"] = ["example.com/mine", FINALIZER]
    desk.server.put(obj)
    desk.reporter.clear(identity, "over")
    desk.settle()
    assert desk.stored()["metadata"]["finalizers"] == ["example.com/mine"]


def test_without_a_key_nothing_is_written_and_everything_is_once_there_is_one(
    server: ApiServer, clock: Clock, make_fault: MakeFault
) -> None:
    desk = Desk(server, clock, keys={})
    desk.watch()
    raised(desk, make_fault())
    desk.write()
    assert not server.objects
    assert desk.marked
    desk.use_keys({"k1": b"k" * 32})
    desk.write()
    assert desk.stored()["metadata"]["annotations"]["nfvi-ha.io/hmac"].startswith("k1:")


def test_a_recovery_takes_few_writes(desk: Desk, make_fault: MakeFault) -> None:
    identity = raised(desk, make_fault())
    deliver(desk)
    desk.write()
    assert desk.server.calls == ["create", "patch status"]
    desk.reporter.act(identity, Step(ActionName.REPLACEMENT_CREATED.value, START, new_vm="fw-0-2"))
    desk.settle()
    desk.reporter.act(identity, Step(ActionName.REPLACEMENT_RUNNING.value, START, new_vm="fw-0-2"))
    desk.reporter.clear(identity, "served")
    desk.settle()
    assert desk.stored()["status"]["phase"] == "Closed"
    # raised, created (recorded, delivered), running and cleared (recorded, delivered), finalizer
    assert desk.server.calls[2:] == ["patch status"] * 4 + ["patch"]
