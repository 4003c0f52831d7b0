"""kill -9 anywhere between a fault and its closed record: the next process finishes what is undelivered.

The real Reporter, Outbox, Ledger, Intake and IncidentBook run against a scripted API and receiver. A crash throws away
all memory; the API's objects, the receivers' records and the truth about the VMs stay.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import ActionName, Step
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryState

from .api_server import ApiServer, Crash, no_answer
from .conftest import START, Time, fault_of
from .desk import Desk

ENDPOINTS = ("vim-a", "vim-b")
VMS = ("fw-0-1", "fw-1-1")


@dataclass
class Vm:
    """The truth about one slot."""

    failed: bool = False
    unready: bool = False
    held: bool = False
    replacement: bool = False
    ready: bool = False


@dataclass
class Receiver:
    """A VIM that notes everything."""

    first: dict[str, Notification] = field(default_factory=dict)
    order: dict[tuple[str, str, str], list[Notification]] = field(default_factory=lambda: defaultdict(list))
    doubles: int = 0

    def receive(self, one: Notification) -> None:
        known = self.first.get(one.id)
        if known is not None:
            self.doubles += 1
            # A raise that nobody had recorded may come with a later place; a receiver drops it by its id.
            assert (known.type, known.incident) == (one.type, one.incident), "two different things under one id"
            return
        self.first[one.id] = one
        self.order[one.resource.key].append(one)


class Machine:
    """A world in which an operator is killed again and again."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.time = Time()
        self.vms = {name: Vm() for name in VMS}
        self.receivers = {name: Receiver() for name in ENDPOINTS}
        self.crashes = 0
        self.start()

    def start(self) -> None:
        """A new process: it reads what is there, then judges what it sees."""
        self.server.on_event = lambda type_, obj: None
        self.desk = Desk(self.server, Clock(self.time, lambda: START), endpoints=ENDPOINTS)
        self.desk.watch()
        self.desk.eager = True
        self.desk.reporter.resume()
        self.judge()

    def guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Crash:
            self.server.trouble = lambda call, done: None
            self.crashes += 1
            self.start()

    def judge(self) -> None:
        """What the controllers do, again and again, from the truth and the book alone."""
        reporter, book = self.desk.reporter, self.desk.book
        for name, vm in self.vms.items():
            unready, failed = fault_of(name, f"uid-{name}", FaultKind.VM_UNREADY), fault_of(name, f"uid-{name}")
            if vm.failed and not vm.ready:
                reporter.raise_fault(failed, 0.0)
            if vm.unready and not vm.failed:
                reporter.raise_fault(unready, 0.0)
            elif (known := book.open_incident(unready.resource, unready.kind)) is not None:
                reporter.clear(known.id, "over")
            if (known := book.open_incident(failed.resource, failed.kind)) is None:
                continue
            if vm.held and not vm.replacement:
                reporter.act(known.id, Step(ActionName.HELD.value, START, outcome="Held"))
            if vm.replacement:
                reporter.act(known.id, Step(ActionName.REPLACEMENT_CREATED.value, START, new_vm="new"))
            if vm.ready:
                reporter.act(known.id, Step(ActionName.REPLACEMENT_RUNNING.value, START, new_vm="new"))
                reporter.clear(known.id, "served")

    def outage(self, name: str, what: str) -> None:
        """Killed, and the world goes on before there is another process."""
        self.crashes += 1
        self.become(name, what)
        self.start()

    def change(self, name: str, what: str) -> None:
        self.become(name, what)
        self.judge()

    def become(self, name: str, what: str) -> None:
        vm = self.vms[name]
        if what in {"unready", "fail"}:
            # What a VM had before is on record when it has something new. (Two faults of one VM within the time of one
            # write, and a crash of all replicas within the same: their sequence may be given again.)
            known = self.desk.book.of_resource(fault_of(name).resource)
            for _ in range(2):  # an answer may get lost
                self.desk.write(*(incident.id for incident in known))
        failed = fault_of(name, f"uid-{name}")
        incidents = [i for i in self.desk.book.of_resource(failed.resource) if i.fault.kind is FaultKind.VM_FAILED]
        match what:
            case "unready":
                vm.unready = not vm.unready
            case "fail":
                vm.failed = True
            case "hold":
                vm.held = vm.failed
            case "replace":
                vm.replacement = vm.failed
            case "serve" if vm.replacement and all(self.desk.outbox.is_written(i.id) for i in incidents):
                vm.ready = True  # a failed VM is kept until its record is written

    def write(self, choice: int) -> None:
        marked = sorted(self.desk.marked)
        if marked:
            self.desk.write(marked[choice % len(marked)])

    def deliver(self, endpoint: str, choice: int, how: str) -> None:
        one = self.desk.deliveries.first(endpoint, choice)
        if one is None:
            return
        if how == "fail":
            self.desk.deliveries.tell(one, endpoint, DeliveryState.RETRYING, "HTTP500")
            return
        self._check_not_recorded(one, endpoint)
        self.receivers[endpoint].receive(one)
        if how == "crash":
            raise Crash
        self.desk.deliveries.tell(one, endpoint, DeliveryState.DELIVERED)

    def _check_not_recorded(self, one: Notification, endpoint: str) -> None:
        for obj in self.server.objects.values():
            for note in obj.get("status", {}).get("deliveries", ()):
                if (note["notification"], note["endpoint"]) == (one.id, endpoint):
                    assert note["state"] != "Delivered", "sent again after it was recorded as delivered"

    def trouble_at(self, number: int, when: str) -> None:
        """The so-manyth change of the API from now on crashes us before or after it, or its answer is lost."""
        left = [number]

        def trouble(call: str, done: bool) -> BaseException | None:
            if done != (when != "before"):
                return None
            left[0] -= 1
            if left[0] >= 0:
                return None
            self.server.trouble = lambda call, done: None
            return no_answer() if when == "lost" else Crash()

        self.server.trouble = trouble

    def settle(self) -> None:
        """No more trouble: every VM is served, every record written, everything delivered."""
        self.server.trouble = lambda call, done: None
        for vm in self.vms.values():
            vm.unready, vm.replacement = False, vm.failed
        self.judge()
        for _ in range(60):
            for endpoint in ENDPOINTS:
                while self.desk.deliveries.first(endpoint) is not None:
                    self.deliver(endpoint, 0, "take")
            for name in VMS:
                self.change(name, "serve")
            if not self.desk.marked:
                break
            self.desk.write()
        assert not self.desk.marked
        self.desk.reporter.resume()

    def check(self) -> None:
        for endpoint, receiver in self.receivers.items():
            for arrived in receiver.order.values():
                sequences = [one.sequence for one in arrived]
                assert sequences == sorted(sequences), f"out of order at {endpoint}"
            for name, vm in self.vms.items():
                told = {str(one.type) for one in receiver.first.values() if one.resource.name == name}
                if vm.failed:
                    assert told >= {"vm.failed", "recovery.replacement.created", "vm.recovered"}, (endpoint, name)
        for obj in self.server.objects.values():
            assert obj["status"]["phase"] == "Closed"
            assert not obj["metadata"]["finalizers"]
            for note in obj["status"]["deliveries"]:
                assert note["state"] == "Delivered"
                assert note["notification"] in self.receivers[note["endpoint"]].first


THINGS = st.tuples(
    st.sampled_from(VMS), st.sampled_from(["fail", "fail", "unready", "unready", "hold", "replace", "serve"])
)
CHANGES = st.builds(lambda thing: ("change", *thing), THINGS)
OUTAGES = st.builds(lambda thing: ("outage", *thing), THINGS)
WRITES = st.tuples(st.just("write"), st.integers(0, 3))
DELIVERIES = st.tuples(
    st.just("deliver"),
    st.sampled_from(ENDPOINTS),
    st.integers(0, 1),
    st.sampled_from(["take", "take", "take", "fail", "crash"]),
)
TROUBLE = st.tuples(st.just("trouble_at"), st.integers(0, 4), st.sampled_from(["before", "after", "lost"]))
STORIES = st.lists(CHANGES | CHANGES | WRITES | DELIVERIES | DELIVERIES | TROUBLE | OUTAGES, min_size=10, max_size=60)


@settings(max_examples=200, deadline=None)
@given(STORIES)
def test_whatever_crashes_everything_arrives_once_recorded_never_again_and_in_order(story: list[tuple[object]]) -> None:
    machine = Machine()
    for name, *arguments in story:
        machine.guarded(lambda: getattr(machine, str(name))(*arguments))  # noqa: B023 - called at once
    machine.guarded(machine.judge)
    machine.settle()
    machine.check()


def test_what_was_told_and_not_recorded_does_not_lend_its_id_to_something_else() -> None:
    machine = Machine()
    for what in ("fail", "hold"):
        machine.change(VMS[0], what)
        machine.deliver("vim-a", 0, "take")
    machine.outage(VMS[0], "replace")
    machine.settle()
    machine.check()


def test_every_single_crash_point_of_one_recovery() -> None:
    """The same by exhaustion: one crash, at each change of the API in turn, before it and after it."""
    story: list[tuple[str, ...]] = [("change", VMS[0], "fail"), ("deliver", "vim-a"), ("write",)]
    story += [("change", VMS[0], "replace"), ("write",), ("deliver", "vim-b"), ("deliver", "vim-a"), ("write",)]
    story += [("change", VMS[0], "serve"), ("write",), *[("deliver", e) for e in ENDPOINTS * 3], ("write",), ("write",)]
    points = 0
    for number in range(40):
        crashed = set()
        for when in ("before", "after"):
            machine = Machine()
            machine.trouble_at(number, when)
            for name, *arguments in story:
                extra = {"deliver": (0, "take"), "write": (0,)}.get(name, ())
                machine.guarded(lambda: getattr(machine, name)(*arguments, *extra))  # noqa: B023 - called at once
            crashed.add(machine.crashes)
            machine.settle()
            machine.check()
            points += machine.crashes
        if crashed == {0}:
            break
    assert points >= 12, "create, five statuses or more, finalizer: before and after each"


async def test_a_write_whose_answer_was_lost_is_found_out_and_not_repeated() -> None:
    machine = Machine()
    machine.change(VMS[0], "fail")
    machine.server.on_event = lambda type_, obj: None  # and the watch is behind
    machine.trouble_at(0, "lost")
    (identity,) = (incident.id for incident in machine.desk.book)
    for _ in range(3):
        try:
            await machine.desk.outbox.write(identity)
        except KubeError:
            continue
    assert len(machine.server.objects) == 1
    assert machine.server.calls == ["create", "create", "get", "patch status"], "the first one's object is found"
