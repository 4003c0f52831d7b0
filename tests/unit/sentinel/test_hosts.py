"""A lost hypervisor's VMs, and the ends that no verdict tells."""

from pathlib import Path

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.outputs import Clear, Raise
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, pack_entries
from nfvi_ha.sentinel.entries import VmEntry as FeedVm
from nfvi_ha.sentinel.hosts import Hosts
from nfvi_ha.sentinel.lives import Lives

from .desk import Desk

NODE, BOOT = "worker-1", "00000000-0000-4000-8000-000000000001"
LOST = Raise(
    FaultKind.HYPERVISOR_FAILED,
    NODE,
    "",
    "Silent",
    "silent",
    Severity.CRITICAL,
    Confidence.HIGH,
    BOOT,
    0,
    with_vms=True,
)
BACK = Clear(FaultKind.HYPERVISOR_FAILED, NODE, "", BOOT, 0, "heard again")


class World:
    def __init__(self, directory: Path) -> None:
        self.desk = Desk(directory)
        self.lives = Lives()
        self.vms: dict[str, FeedVm] = {}
        self.current = False
        self.generation = 0
        self.hosts = Hosts(
            book=self.desk.book,
            teller=self.desk.teller,
            lives=self.lives,
            vms=lambda: self.vms,
            is_current=lambda: self.current,
            cluster=lambda: "site-1",
            clock=self.desk.clock,
        )

    def inventory(self, *entries: VmEntry, flags: Flags = Flags.REAL_TIME) -> None:
        beat = Beat(NODE, BOOT, 1, 1, 0, flags, Watchdog.NONE, 0, 0, 1, 0)
        self.lives.told(beat, ("192.0.2.1", 7946), self.desk.now)
        self.generation += 1
        part = Inventory(NODE, BOOT, 1, self.generation, 0, 1, packed=pack_entries(entries))
        self.lives.inventory(part, self.desk.now)

    def lost_vms(self) -> dict[str, str]:
        """Name and parent of each."""
        faults = [incident.fault for incident in self.desk.book if incident.fault.kind is FaultKind.VM_FAILED]
        return {fault.resource.name: fault.parent for fault in faults}

    def open_kinds(self) -> list[FaultKind]:
        return sorted(incident.fault.kind for incident in self.desk.book.open_incidents())


def entry(name: str, **fields: bool) -> VmEntry:
    return VmEntry(f"uid-{name}", "tenant-a", name, **fields)


def test_the_vms_that_the_agent_told_are_lost_with_their_host(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.vms["uid-other"] = FeedVm(namespace="tenant-a", name="other", node=NODE)
    world.inventory(entry("a"), entry("b", going=True), entry("c", report=False))
    world.hosts.raised(LOST)
    (host,) = [incident for incident in world.desk.book if incident.fault.kind is FaultKind.HYPERVISOR_FAILED]
    assert world.lost_vms() == {"a": host.id}
    assert world.desk.submitted[0] == ("hypervisor.failed", "vim")


def test_a_vm_that_has_left_the_lost_host_since_its_agent_told_of_it_is_not_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.vms["uid-there"] = FeedVm(namespace="tenant-a", name="there", node=NODE)
    world.vms["uid-moved"] = FeedVm(namespace="tenant-a", name="moved", node="worker-2")
    world.vms["uid-unplaced"] = FeedVm(namespace="tenant-a", name="unplaced")
    world.current = True
    world.inventory(entry("there"), entry("moved"), entry("unplaced"), entry("deleted"))
    world.hosts.raised(LOST)
    assert sorted(world.lost_vms()) == ["there", "unplaced"]


def test_a_feed_that_may_be_behind_takes_no_vm_from_a_lost_host(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.vms["uid-moved"] = FeedVm(namespace="tenant-a", name="moved", node="worker-2")
    world.inventory(entry("moved"), entry("new"))
    world.hosts.raised(LOST)
    assert sorted(world.lost_vms()) == ["moved", "new"]


def test_where_no_agent_told_them_the_feeds_vms_of_that_node_are_lost(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.vms["uid-a"] = FeedVm(namespace="tenant-a", name="a", node=NODE, vnf="web", slot=3)
    world.vms["uid-b"] = FeedVm(namespace="tenant-a", name="b", node="worker-2")
    world.vms["uid-c"] = FeedVm(namespace="tenant-a", name="c", node=NODE, going=True)
    world.hosts.raised(LOST)
    assert list(world.lost_vms()) == ["a"]


def test_a_verdict_that_repeats_itself_tells_nothing_twice(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory(entry("a"))
    for _ in range(3):
        world.desk.advance(1)
        world.hosts.raised(LOST)
    assert len(world.desk.submitted) == 2


def test_a_vm_that_was_replaced_meanwhile_is_not_told_again_by_a_sentinel_that_restarted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory(entry("a"))
    world.hosts.raised(LOST)
    world.desk.advance(30)
    (vm,) = [incident for incident in world.desk.book if incident.fault.kind is FaultKind.VM_FAILED]
    world.desk.book.clear(vm.id, world.desk.clock.now(), "replaced")
    after = World(tmp_path / "after")
    for incident in world.desk.book:
        after.desk.book.learn(incident)
    after.desk.advance(60)
    after.inventory(entry("a"))
    after.hosts.raised(LOST)
    assert after.desk.submitted == []


def test_vms_that_lived_on_are_cleared_once_their_agent_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory(entry("a"), entry("b"))
    world.hosts.raised(LOST)
    world.hosts.review(lambda _: True)
    assert world.open_kinds() == [FaultKind.HYPERVISOR_FAILED, FaultKind.VM_FAILED, FaultKind.VM_FAILED]
    world.desk.advance(10)
    world.hosts.cleared(BACK)
    world.hosts.review(lambda _: True)
    assert world.open_kinds() == [FaultKind.VM_FAILED] * 2, "the inventory is from before"
    world.inventory(entry("a"), flags=Flags.REAL_TIME | Flags.PROBES_DOWN)
    world.hosts.review(lambda _: True)
    assert world.open_kinds() == [FaultKind.VM_FAILED] * 2, "nobody has looked, the beat process only repeats it"
    world.inventory(entry("a"))
    world.hosts.review(lambda _: True)
    assert [incident.fault.resource.name for incident in world.desk.book.open_incidents()] == ["b"]


def test_a_vm_that_lived_on_and_then_dies_is_told_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory(entry("a"))
    world.hosts.raised(LOST)
    world.desk.advance(10)
    world.hosts.cleared(BACK)
    world.inventory(entry("a"))
    world.hosts.review(lambda _: True)
    world.desk.advance(10)
    again = Raise(
        FaultKind.HYPERVISOR_FAILED, NODE, "", "Silent", "silent", Severity.CRITICAL, Confidence.HIGH, BOOT, 1, True
    )
    world.hosts.raised(again)
    assert [type_ for type_, _ in world.desk.submitted].count("vm.failed") == 2


def test_faults_of_a_node_that_is_no_more_are_over(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.hosts.raised(LOST)
    world.hosts.review(lambda _: True)
    assert world.open_kinds() == [FaultKind.HYPERVISOR_FAILED]
    world.hosts.review(lambda _: False)
    assert world.open_kinds() == []


def test_a_host_of_a_mass_failure_names_the_root(tmp_path: Path) -> None:
    world = World(tmp_path)
    root = Raise(FaultKind.MASS_FAILURE, "", "", "TooManyAtOnce", "9 of 20", Severity.CRITICAL, Confidence.HIGH, "", 0)
    world.hosts.raised(root)
    world.hosts.raised(
        Raise(
            FaultKind.HYPERVISOR_FAILED,
            NODE,
            "",
            "MassFailure",
            "silent",
            Severity.CRITICAL,
            Confidence.HIGH,
            BOOT,
            0,
            parent_mass=True,
        )
    )
    mass, host = sorted(world.desk.book, key=lambda incident: incident.fault.node)
    assert host.fault.parent == mass.id
