"""What goes when, and what never goes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.retention import Kept, Policy, Present, to_delete
from nfvi_ha.core.views import NodeView
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.retention import ROUND_SECONDS, present
from nfvi_ha.operator.world import World
from nfvi_ha.reporting.clock import Clock

from .api_server import ApiServer
from .conftest import START, Time, fault_of
from .desk import Desk

NOBODY = Present(frozenset(), frozenset())
WEEK = Policy(timedelta(days=7), 100)
NOW = START + timedelta(days=30)


def kept(
    name: str,
    days: float | None,
    *,
    vm: str = "",
    uid: str = "",
    kind: FaultKind = FaultKind.VM_PAUSED,
    episode: int = 0,
    last: int = 1,
) -> Kept:
    """A record closed so many days ago, or not."""
    resource = ResourceRef("VirtualMachineInstance", "tenant", vm or name, uid or f"uid-{vm or name}")
    return Kept(name, resource, kind, episode, last, None if days is None else NOW - timedelta(days=days))


def there(*names: str, uids: tuple[str, ...] = ()) -> Present:
    return Present(
        frozenset(uids or (f"uid-{name}" for name in names)),
        frozenset(("VirtualMachineInstance", "tenant", name) for name in names),
    )


@pytest.mark.parametrize(
    ("case", "records", "policy", "present", "gone"),
    [
        ("young", [kept("a", 6.9)], WEEK, NOBODY, []),
        ("old", [kept("a", 7.0), kept("b", 8.0)], WEEK, NOBODY, ["b", "a"]),
        ("not closed", [kept("a", None)], WEEK, NOBODY, []),
        ("too many", [kept("a", 3), kept("b", 1), kept("c", 2)], Policy(WEEK.ttl, 1), NOBODY, ["a", "c"]),
        ("none wanted", [kept("a", 1), kept("b", None)], Policy(WEEK.ttl, 0), NOBODY, ["a"]),
        ("its resource is there", [kept("a", 8)], WEEK, there("a"), []),
        ("too many, and it is there", [kept("a", 3), kept("b", 1)], Policy(WEEK.ttl, 1), there("a"), ["b"]),
        (
            "the last episode stays",
            [kept("a", 9, vm="v", episode=0, last=2), kept("b", 8, vm="v", episode=1, last=4)],
            WEEK,
            there("v"),
            ["a"],
        ),
        (
            "the last episode of each kind stays",
            [kept("a", 9, vm="v"), kept("b", 8, vm="v", kind=FaultKind.VM_UNREADY, last=4)],
            WEEK,
            there("v"),
            [],
        ),
        (
            "the highest sequence of a name stays, of whatever incarnation",
            [kept("a", 9, vm="v", uid="old", last=7), kept("b", 8, vm="v", uid="older", last=3)],
            WEEK,
            there("v", uids=("new",)),
            ["b"],
        ),
        (
            "what is open counts too",
            [kept("a", 9, vm="v"), kept("b", None, vm="v", episode=1, last=4)],
            WEEK,
            there("v"),
            ["a"],
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_goes(case: str, records: list[Kept], policy: Policy, present: Present, gone: list[str]) -> None:
    assert to_delete(records, policy, present, NOW) == gone, case


VMS = ("v", "w")
RECORDS = st.lists(
    st.tuples(
        st.sampled_from(VMS),
        st.sampled_from(["1", "2"]),
        st.sampled_from(list(FaultKind)),
        st.none() | st.integers(0, 20),
    ),
    max_size=12,
)


@given(RECORDS, st.integers(0, 6), st.sets(st.sampled_from(VMS)), st.sets(st.sampled_from(["v-1", "v-2", "w-1"])))
def test_counts_never_step_back_and_nothing_open_goes(
    raised: list[tuple[str, str, FaultKind, int | None]], closed: int, names: set[str], uids: set[str]
) -> None:
    book, closed_days = IncidentBook(), {}
    for name, incarnation, kind, days in raised:
        new = book.raise_fault(fault_of(name, f"{name}-{incarnation}", kind))
        if new is None:
            continue
        closed_days[new[0].id] = days
        if days is not None:
            book.clear(new[0].id, START)
    records = [
        kept(
            incident.id,
            closed_days[incident.id],
            vm=incident.fault.resource.name,
            uid=incident.fault.resource.uid,
            kind=incident.fault.kind,
            episode=incident.episode,
            last=max(incident.sequence(step) for step in incident.steps),
        )
        for incident in book
    ]
    present = there(*names, uids=tuple(uids) or ("none",))
    gone = to_delete(records, Policy(timedelta(days=7), closed), present, NOW)
    assert len(gone) == len(set(gone))
    assert all(closed_days[identity] is not None for identity in gone)
    days = [closed_days[identity] or 0 for identity in gone]
    assert days == sorted(days, reverse=True), "oldest first"
    left = IncidentBook()
    for incident in book:
        if incident.id not in gone:
            left.learn(incident)
    for name in VMS:
        for incarnation in ("1", "2"):
            for kind in FaultKind:
                fault = fault_of(name, f"{name}-{incarnation}", kind)
                before, after = book.raise_fault(fault), left.raise_fault(fault)
                if fault.resource.uid in uids:
                    assert (before and before[0].id) == (after and after[0].id), "the same id as if nothing had gone"
                if name in names and before and after:
                    assert after[1].sequence >= before[1].sequence
    again = to_delete([r for r in records if r.id not in gone], Policy(timedelta(days=7), closed), present, NOW)
    assert again == [], "what is left is left"


@pytest.fixture
def desk(clock: Clock) -> Desk:
    desk = Desk(ApiServer(), clock, policy=Policy(timedelta(days=7), 2))
    desk.watch()
    return desk


def closed_incident(desk: Desk, fault: Fault) -> str:
    before = {incident.id for incident in desk.book}
    desk.reporter.raise_fault(fault, 0.0)
    (new,) = {incident.id for incident in desk.book} - before
    desk.reporter.clear(new, "over")
    desk.settle()
    return new


async def test_what_is_too_much_is_deleted_by_the_leader_alone(desk: Desk, time: Time) -> None:
    names = []
    for number in range(5):
        names.append(closed_incident(desk, fault_of(f"vm-{number}", f"uid-{number}")))
        time.forward(1)
    desk.rank = 1
    assert await desk.records.retention.round(0.0) == 0
    desk.rank = 0
    desk.deliveries.endpoints.clear()
    desk.reporter.raise_fault(fault_of("open", "uid-open"), 0.0)
    desk.settle()
    assert await desk.records.retention.round(0.0) == 3
    left = {name for _, name in desk.server.objects}
    assert len(left) == 3
    assert {incident.id for incident in desk.book.open_incidents()} < left
    desk.reporter.resume()
    assert set(desk.marked) <= left, "they are not made again"


async def test_an_episode_counts_on_when_its_record_was_deleted_by_hand(desk: Desk, time: Time) -> None:
    paused = fault_of(kind=FaultKind.VM_PAUSED)
    desk.present = Present(frozenset({paused.resource.uid}), frozenset())
    first = closed_incident(desk, paused)
    await desk.server.delete(None, first, "tenant")
    desk.records._forget_retired()
    second = closed_incident(desk, paused)
    assert second != first
    assert {name for _, name in desk.server.objects} == {second}


async def test_nothing_is_remembered_of_a_resource_that_is_gone(desk: Desk) -> None:
    first = closed_incident(desk, fault_of())
    await desk.server.delete(None, first, "tenant")
    desk.records._forget_retired()
    assert not list(desk.book)
    assert desk.ledger.of(first) == ()


def test_deletions_are_bounded_in_rate() -> None:
    from nfvi_ha.operator.retention import PAUSE_SECONDS

    assert 1 / PAUSE_SECONDS <= 20
    assert ROUND_SECONDS >= 1


HOST = ResourceRef("Hypervisor", "", "worker-1", "boot-1")
PART = ResourceRef("HypervisorComponent", "", "worker-1/process/kubelet", "boot-1")
SEAT = ResourceRef("Sentinel", "", "sentinel-0", "seat")
REPLICA = ResourceRef("OperatorReplica", "", "operator-a", "replica")


@pytest.mark.parametrize("resource", [HOST, PART, SEAT, REPLICA], ids=lambda resource: resource.kind)
def test_counts_of_what_is_watched_are_kept_as_long_as_it_is_there(resource: ResourceRef) -> None:
    """Else the next fault of it would get the id of one that a receiver has seen."""
    world = World(NodeFreshness())
    world.nodes["worker-1"] = NodeView("worker-1", boot_id="boot-1")
    record = Kept("a", resource, FaultKind.PROCESS_FAILED, 0, 2, NOW - timedelta(days=90))
    older = Kept("b", resource, FaultKind.PROCESS_FAILED, 1, 4, NOW - timedelta(days=80))

    assert to_delete([record, older], WEEK, present(world, {"operator-a"}), NOW) == ["a"]


@pytest.mark.parametrize("resource", [HOST, PART, REPLICA], ids=lambda resource: resource.kind)
def test_records_of_what_is_gone_for_good_go_in_time(resource: ResourceRef) -> None:
    record = Kept("a", resource, FaultKind.PROCESS_FAILED, 0, 2, NOW - timedelta(days=8))

    assert to_delete([record], WEEK, present(World(NodeFreshness()), ()), NOW) == ["a"]


def test_what_happened_before_a_reboot_leaves_the_count_of_messages_only() -> None:
    world = World(NodeFreshness())
    world.nodes["worker-1"] = NodeView("worker-1", boot_id="boot-2")
    before = [
        Kept("a", PART, FaultKind.PROCESS_HUNG, 0, 2, NOW - timedelta(days=9)),
        Kept("b", PART, FaultKind.PROCESS_FAILED, 0, 4, NOW - timedelta(days=9)),
    ]

    assert to_delete(before, WEEK, present(world, ()), NOW) == ["a"]
