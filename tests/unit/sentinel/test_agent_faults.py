"""What agents see, told, cleared and acknowledged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, Severity
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, pack_entries
from nfvi_ha.core.wire.local_fault import LocalFault, pack
from nfvi_ha.sentinel.agent_faults import (
    ARRIVAL_SECONDS,
    PROOF_SECONDS,
    REFUSED_KEPT,
    SETTLE_SECONDS,
    AgentFaults,
)
from nfvi_ha.sentinel.allowance import BURST
from nfvi_ha.sentinel.entries import VmEntry as FeedVm
from nfvi_ha.sentinel.lives import MAX_PARTS, Lives

from .desk import START, Desk

NODE, BOOT = "worker-1", "00000000-0000-4000-8000-000000000001"
VM = {"vm_uid": "uid-1", "vm_namespace": "tenant-a", "vm_name": "web-0-1", "vnf": "web", "slot": 0}

ON_NODE = FeedVm(namespace="tenant-a", name="web-0-1", node=NODE)


class Eyes:
    """One agent as one sentinel hears it."""

    def __init__(self, directory: Path) -> None:
        self.desk = Desk(directory)
        self.lives = Lives()
        self.vms: dict[str, FeedVm] = {}
        self.governed = True
        self.refused: list[str] = []
        self.beat = Beat(NODE, BOOT, 1, 0, 0, Flags.REAL_TIME, Watchdog.NONE, 0, 0, 0, 0)
        self.faults = AgentFaults(
            lives=self.lives,
            book=self.desk.book,
            teller=self.desk.teller,
            handover=self.desk.handover,
            vm_of=self.vms.get,
            is_governed=lambda _: self.governed,
            clock=self.desk.clock,
            on_refused=self.refused.append,
        )

    def says(self, *faults: LocalFault, room: int = 1000, **changes: Any) -> bool:
        """A beat with that set."""
        self.beat = replace(
            self.beat,
            sequence=self.beat.sequence + 1,
            fault_generation=self.beat.fault_generation + 1,
            faults=pack(faults, room).blob,
            **changes,
        )
        self.hears()
        life = self.lives.told(self.beat, ("192.0.2.1", 7946), self.desk.now)
        return life is not None and self.faults.changed(life)

    def hears(self) -> None:
        self.lives.heard_at[NODE] = self.desk.now

    def recorded(self) -> tuple[int, int]:
        return self.faults.recorded(NODE, self.beat.boot_id, self.beat.incarnation)

    def settle(self) -> None:
        self.desk.advance(SETTLE_SECONDS + 0.1)
        self.hears()

    def told(self) -> list[str]:
        return [type_ for type_, _ in self.desk.submitted]

    def save(self) -> None:
        """Everything is on disk now."""
        self.desk.advance(0.1)
        for line in self.desk.lines:
            self.desk.handover.saved(line["record"]["metadata"]["name"], line["serial"])


def local(serial: int, kind: FaultKind = FaultKind.PROCESS_FAILED, **fields: Any) -> LocalFault:
    defaults: dict[str, Any] = {
        "cause": "Exited",
        "severity": Severity.MAJOR,
        "confidence": Confidence.HIGH,
        "is_event": kind is FaultKind.VM_FAILED,
        "seen_at_ms": int(START.timestamp() * 1000),
        "episode": 0,
        "component": "" if "vm_uid" in fields else "process/kubelet",
    }
    return LocalFault(serial=serial, kind=kind, **{**defaults, **fields})


def test_a_state_is_raised_and_cleared_when_it_leaves_the_beat(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.settle()
    eyes.says()
    assert eyes.told() == ["process.failed", "process.restored"]


def test_nothing_is_over_before_a_new_agent_has_looked_at_everything(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.settle()
    eyes.says(incarnation=2)
    assert eyes.told() == ["process.failed"]
    eyes.settle()
    eyes.faults.review_all()
    assert eyes.told() == ["process.failed", "process.restored"]


def test_nothing_is_over_while_the_probes_are_down(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.settle()
    eyes.says(flags=Flags.REAL_TIME | Flags.PROBES_DOWN)
    eyes.settle()
    eyes.faults.review_all()
    assert eyes.told() == ["process.failed"]


def test_nothing_is_over_before_probes_that_came_back_have_looked_at_everything(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.settle()
    eyes.says(flags=Flags.REAL_TIME | Flags.PROBES_DOWN)
    eyes.settle()
    eyes.says(flags=Flags.REAL_TIME)
    assert eyes.told() == ["process.failed"]
    eyes.settle()
    eyes.faults.review_all()
    assert eyes.told() == ["process.failed", "process.restored"]


def test_nothing_is_over_by_a_set_that_no_probe_has_made(tmp_path: Path) -> None:
    """A beat process that has just started has the generation 0 until its probes tell it something."""
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.settle()
    eyes.beat = replace(eyes.beat, fault_generation=-1)
    eyes.says(incarnation=2)
    assert eyes.beat.fault_generation == 0
    eyes.settle()
    eyes.faults.review_all()
    assert eyes.told() == ["process.failed"]


def test_nothing_is_over_by_the_word_of_an_agent_that_is_silent(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.says()
    eyes.desk.advance(60)
    eyes.faults.review_all()
    assert eyes.told() == ["process.failed"]


def test_another_boot_ends_what_was_wrong_with_the_one_before(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1))
    eyes.says(local(1), boot_id="00000000-0000-4000-8000-000000000002", incarnation=2)
    assert sorted(eyes.told()) == ["process.failed", "process.failed", "process.restored"]
    assert len(eyes.desk.book.open_incidents()) == 1


def test_a_vms_death_is_not_cleared_by_leaving_the_beat(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1, FaultKind.VM_FAILED, **VM))
    eyes.settle()
    eyes.says()
    assert eyes.told() == ["vm.failed"]


def test_an_event_is_acknowledged_once_it_is_safe_and_its_proof_anew(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    died = local(7, FaultKind.VM_FAILED, **VM)
    assert eyes.says(local(1), died)
    assert eyes.recorded() == (6, 0)
    eyes.save()
    assert eyes.recorded()[0] == 7


def test_what_was_acknowledged_is_wanted_again_when_it_comes_with_its_proof(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = ON_NODE
    died, other = local(7, FaultKind.VM_FAILED, **VM), local(9)
    eyes.says(died, other)
    eyes.save()
    assert eyes.recorded() == (9, 0)
    assert eyes.says(replace(died, proof="pid 7 reaped"), other)
    assert eyes.recorded()[0] == 6, "the proof is in memory only"
    eyes.desk.advance(0.1)
    (incident,) = (each for each in eyes.desk.book.open_incidents() if each.fault.kind is FaultKind.VM_FAILED)
    assert [each.source for each in incident.evidence] == [f"agent@{NODE}"]
    eyes.save()
    assert eyes.recorded() == (9, 0)


def test_an_unsafe_event_is_not_acknowledged_by_a_later_one(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    first = local(3, FaultKind.VM_FAILED, **VM)
    eyes.says(first)
    eyes.desk.advance(0.1)
    second = local(5, FaultKind.VM_FAILED, **{**VM, "vm_uid": "uid-2", "vm_name": "web-1-1"})
    eyes.says(first, second)
    for incident in eyes.desk.book:
        if incident.fault.resource.uid == "uid-2":
            eyes.desk.handover.saved(incident.id, 1_000)
    upto, bitmap = eyes.recorded()
    assert upto == 2
    assert bitmap == 1 << (5 - 3)


def test_acknowledgements_are_for_the_start_of_the_agent_that_said_it(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(7, FaultKind.VM_FAILED, **VM))
    eyes.save()
    assert eyes.faults.recorded(NODE, BOOT, 2) == (0, 0)


def test_where_faults_were_left_out_nothing_is_over_and_no_higher_serial_acknowledged(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1, component="process/zzz"))
    eyes.settle()
    events = [
        local(serial, FaultKind.VM_FAILED, **{**VM, "vm_uid": f"uid-{serial}", "vm_name": f"web-{serial}"})
        for serial in range(10, 30)
    ]
    eyes.says(*events, room=600)
    eyes.save()
    named = [each.serial for each in eyes.lives.get(NODE).faults if each.is_event]  # type: ignore[union-attr]
    upto, bitmap = eyes.recorded()
    assert upto == 9
    assert [upto + 1 + bit for bit in range(64) if bitmap >> bit & 1] == named
    assert "process.restored" not in eyes.told()
    assert "agent.faults.overflow" in eyes.told()


def test_a_vm_that_is_not_to_be_reported_is_acknowledged_and_not_told(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = FeedVm(namespace="tenant-a", name="web-0-1", node=NODE, report=False)
    eyes.says(local(7, FaultKind.VM_FAILED, **VM))
    assert eyes.told() == []
    assert eyes.recorded()[0] == 7


@pytest.mark.parametrize("kind", [FaultKind.VM_FAILED, FaultKind.VM_STUCK])
def test_a_fault_of_a_vm_that_runs_on_another_node_is_refused(tmp_path: Path, kind: FaultKind) -> None:
    """It would be no fault of the VM's, and would hide its real death."""
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = replace(ON_NODE, node="worker-2")
    eyes.says(local(7, kind, **VM, proof="pid 7 reaped"))
    assert eyes.told() == []
    assert eyes.refused == [NODE]
    assert eyes.recorded()[0] == 7


def test_a_fault_of_a_vm_under_anothers_name_is_refused(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = replace(ON_NODE, name="db-0-1")
    eyes.says(local(7, FaultKind.VM_FAILED, **VM))
    assert (eyes.told(), eyes.refused) == ([], [NODE])


UNSETTLED = [None, replace(ON_NODE, node=""), replace(ON_NODE, migrating=True)]


@pytest.mark.parametrize("shown", UNSETTLED, ids=["unknown", "nowhere", "leaving"])
def test_a_death_is_evidence_only_once_the_feed_shows_the_vm_there(tmp_path: Path, shown: FeedVm | None) -> None:
    eyes = Eyes(tmp_path)
    if shown is not None:
        eyes.vms["uid-1"] = shown
    assert eyes.says(local(7, FaultKind.VM_FAILED, **VM, proof="pid 7 reaped"))
    (incident,) = eyes.desk.book.open_incidents()
    assert incident.evidence == ()
    eyes.save()
    assert eyes.recorded()[0] == 6, "once acknowledged it would not be said again"
    eyes.vms["uid-1"] = ON_NODE
    eyes.faults.review_all()
    (incident,) = eyes.desk.book.open_incidents()
    assert [each.source for each in incident.evidence] == [f"agent@{NODE}"]
    eyes.save()
    assert eyes.recorded()[0] == 7
    assert eyes.told() == ["vm.failed"]


def test_a_death_that_the_feed_never_shows_there_is_acknowledged_in_the_end(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(7, FaultKind.VM_FAILED, **VM, proof="pid 7 reaped"))
    eyes.desk.advance(PROOF_SECONDS + 1)
    eyes.faults.review_all()
    eyes.save()
    assert eyes.recorded()[0] == 7
    (incident,) = eyes.desk.book.open_incidents()
    assert incident.evidence == ()


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (replace(ON_NODE, node="worker-2"), []),
        (ON_NODE, ["vm.failed"]),
    ],
    ids=["the migration failed", "it had arrived"],
)
def test_what_ends_at_a_migrations_target_is_told_once_it_is_known_what_it_was(
    tmp_path: Path, then: FeedVm, told: list[str]
) -> None:
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = replace(ON_NODE, node="worker-2", migrating=True)
    eyes.says(local(7, FaultKind.VM_FAILED, **VM, proof="pid 7 reaped"))
    assert eyes.told() == []
    assert eyes.recorded()[0] == 6
    eyes.vms["uid-1"] = then
    eyes.faults.review_all()
    assert eyes.told() == told
    eyes.save()
    assert eyes.recorded()[0] == 7


def test_what_ends_at_the_target_of_a_migration_without_end_is_told_and_proves_nothing(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.vms["uid-1"] = replace(ON_NODE, node="worker-2", migrating=True)
    eyes.says(local(7, FaultKind.VM_FAILED, **VM, proof="pid 7 reaped"))
    eyes.desk.advance(ARRIVAL_SECONDS + 1)
    eyes.faults.review_all()
    (incident,) = eyes.desk.book.open_incidents()
    assert incident.evidence == ()
    assert incident.fault.confidence is Confidence.LOW


def test_what_no_agent_can_know_is_refused_and_counted(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(
        local(1, FaultKind.HYPERVISOR_FAILED),
        local(2, component="process/\n"),
        local(3, FaultKind.VM_FAILED, **{**VM, "vm_name": "../x"}),
        local(5, severity=Severity.CLEARED, component="process/a"),
        local(6, episode=2**31, component="process/b"),
        local(7, FaultKind.VM_FAILED, component="process/c"),
        local(8, FaultKind.PROCESS_FAILED, **VM),
        local(4),
    )
    assert eyes.told() == ["process.failed"]
    assert eyes.refused == [NODE] * 7
    eyes.save()
    assert eyes.recorded()[0] == 8
    assert eyes.desk.defects == 0


def test_a_node_that_makes_ever_more_incidents_is_held_told_once_and_heard_in_the_end(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    for number in range(0, int(BURST), 8):
        eyes.says(*(local(1 + number + one, component=f"process/{number + one}") for one in range(8)))
    assert len(eyes.told()) == BURST
    late = [local(9_000 + number, component=f"process/late-{number}", is_event=True) for number in range(3)]
    eyes.says(*late)
    eyes.says(*late)
    assert eyes.told()[int(BURST) :] == ["agent.faults.overflow"]
    eyes.save()
    assert eyes.recorded()[0] < 9_000, "what was not told is not acknowledged"
    eyes.desk.advance(1.5)
    eyes.hears()
    eyes.faults.review_all()
    assert eyes.told()[int(BURST) + 1 :] == ["process.failed"]
    eyes.desk.advance(SETTLE_SECONDS)
    eyes.hears()
    eyes.faults.review_all()
    eyes.faults.review_all()
    assert eyes.told().count("process.failed") == BURST + 3
    assert eyes.told().count("agent.faults.overflow") == eyes.told().count("agent.faults.overflow.ended") == 1
    eyes.save()
    assert eyes.recorded()[0] == 9_002


def test_refused_faults_of_one_start_of_an_agent_are_bounded(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    for number in range(2 * REFUSED_KEPT):
        eyes.says(local(number, FaultKind.HYPERVISOR_FAILED))
    assert len(eyes.refused) == REFUSED_KEPT
    eyes.says(local(1, FaultKind.HYPERVISOR_FAILED), incarnation=2)
    assert len(eyes.refused) == REFUSED_KEPT + 1


def test_an_inventory_of_too_many_parts_is_not_kept(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says()
    assert not eyes.lives.inventory(Inventory(NODE, BOOT, 1, 3, 0, MAX_PARTS + 1), 0.0)
    life = eyes.lives.get(NODE)
    assert life is not None
    assert life.parts == {}
    assert eyes.lives.broken == {NODE: 1}


def test_a_defect_on_one_fault_loses_none_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eyes = Eyes(tmp_path)
    tell = eyes.desk.teller.raise_fault

    def fails(fault: Fault, episode: int | None = None) -> Incident | None:
        if fault.kind is FaultKind.LINK_DOWN:
            raise KeyError(fault.kind)
        return tell(fault, episode)

    monkeypatch.setattr(eyes.desk.teller, "raise_fault", fails)
    eyes.says(local(1, FaultKind.LINK_DOWN, component="link/eth0", is_event=True), local(2))
    assert eyes.told() == ["process.failed"]
    eyes.save()
    assert eyes.recorded()[0] == 0, "what was not told is not acknowledged"


def test_a_stranger_is_listened_to_once_he_is_expected(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.governed = False
    eyes.says(local(1))
    assert eyes.told() == []
    eyes.governed = True
    life = eyes.lives.get(NODE)
    assert life is not None
    assert life.untold
    eyes.faults.changed(life)
    assert eyes.told() == ["process.failed"]


def test_a_stamp_of_last_week_does_not_have_its_notification_expire(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says(local(1, seen_at_ms=int(START.timestamp() * 1000) - 7 * 86_400_000))
    (incident,) = eyes.desk.book.open_incidents()
    assert incident.fault.detected_at == START


def test_an_inventory_is_taken_when_all_of_its_parts_are_there(tmp_path: Path) -> None:
    eyes = Eyes(tmp_path)
    eyes.says()
    entries = [VmEntry(f"uid-{number}", "tenant-a", f"web-{number}") for number in range(2)]
    parts = [
        Inventory(NODE, BOOT, 1, 3, number, 2, packed=pack_entries([entry])) for number, entry in enumerate(entries)
    ]
    assert not eyes.lives.inventory(parts[1], 0.0)
    assert eyes.lives.inventory(parts[0], 0.0)
    life = eyes.lives.get(NODE)
    assert life is not None
    assert life.vms_of(BOOT) == tuple(entries)
    older = replace(parts[0], generation=2, parts=1)
    assert not eyes.lives.inventory(older, 0.0)
    assert life.vms_of(BOOT) == tuple(entries)
    eyes.says(boot_id="00000000-0000-4000-8000-000000000002", incarnation=2)
    reborn = eyes.lives.get(NODE)
    assert reborn is not None
    assert (reborn.vms_of(BOOT), reborn.vms_of(eyes.beat.boot_id)) == (tuple(entries), None)
