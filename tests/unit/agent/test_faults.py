from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.agent.faults import CARRIED_OVER_SECONDS, FaultTable, Telling
from nfvi_ha.agent.memory import SERIALS_RESERVED, Memory, from_json
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.local_fault import LocalFault, unpack

HUNG = FaultKey(FaultKind.PROCESS_HUNG, "process/kubelet")
HUNG_SEEN = Observed(FaultKind.PROCESS_HUNG, "NoAnswer", Severity.MAJOR, component="process/kubelet")


def death(uid: str = "uid-1") -> tuple[FaultKey, Observed]:
    seen = Observed(
        FaultKind.VM_FAILED,
        "QemuKilled",
        Severity.CRITICAL,
        Confidence.HIGH,
        vm_uid=uid,
        vm_namespace="default",
        vm_name=f"vm-{uid}",
        vnf="web",
        slot=3,
    )
    return FaultKey(FaultKind.VM_FAILED, uid), seen


class Desk:
    """A table whose turns of the event loop are taken by hand."""

    def __init__(self, memory: Memory | None = None, room: int = 1000, now: float = 100.0) -> None:
        self.now = now
        self.wall_ms = 5000
        self.story: list[str] = []
        self.tellings: list[Telling] = []
        self.waiting: list[Callable[[], None]] = []
        self.table = FaultTable(
            memory or Memory("boot"),
            room=room,
            tell=self._tell,
            save=lambda: self.story.append("saved"),
            soon=self.waiting.append,
            wall_ms=lambda: self.wall_ms,
            monotonic=lambda: self.now,
        )

    def _tell(self, telling: Telling) -> None:
        self.tellings.append(telling)
        self.story.append("told")

    def turn(self) -> Telling:
        while self.waiting:
            self.waiting.pop(0)()
        return self.tellings[-1]

    def faults(self) -> tuple[LocalFault, ...]:
        return unpack(self.turn().blob)

    def restarted(self) -> "Desk":
        self.turn()
        memory = from_json(self.table.memory.to_json(), "boot")
        assert memory is not None
        other = Desk(memory, now=self.now + 5)
        other.table.tell_again()
        return other


def test_beat_process_knows_before_the_spool_is_written() -> None:
    desk = Desk()
    desk.table.event(*death())
    desk.turn()
    assert desk.story == ["told", "saved"]


def test_all_changes_of_one_turn_are_told_together() -> None:
    desk = Desk()
    for number in range(50):
        desk.table.event(*death(f"u{number}"))
    desk.turn()
    assert len(desk.tellings) == 1


def test_state_lasts_from_put_to_clear() -> None:
    desk = Desk()
    desk.table.put(HUNG, HUNG_SEEN)
    (fault,) = desk.faults()
    assert (fault.serial, fault.episode, fault.is_event, fault.seen_at_ms) == (1, 0, False, 5000)
    desk.table.clear(HUNG)
    assert desk.faults() == ()


def test_state_seen_again_keeps_serial_and_first_sight_and_tells_nothing() -> None:
    desk = Desk()
    desk.table.put(HUNG, HUNG_SEEN)
    desk.turn()
    desk.wall_ms = 9000
    desk.table.put(HUNG, HUNG_SEEN)
    desk.turn()
    assert len(desk.tellings) == 1
    desk.table.put(HUNG, replace(HUNG_SEEN, severity=Severity.CRITICAL))
    (fault,) = desk.faults()
    assert (fault.serial, fault.seen_at_ms, fault.severity) == (1, 5000, Severity.CRITICAL)
    assert desk.tellings[-1].new, "worse is news"


def test_episodes_count_up_for_the_same_fault_only() -> None:
    desk = Desk()
    desk.table.put(HUNG, HUNG_SEEN)
    desk.table.clear(HUNG)
    desk.table.put(HUNG, HUNG_SEEN)
    other = FaultKey(FaultKind.PROCESS_HUNG, "process/sshd")
    desk.table.put(other, replace(HUNG_SEEN, component="process/sshd"))
    assert {fault.component: (fault.serial, fault.episode) for fault in desk.faults()} == {
        "process/kubelet": (2, 1),
        "process/sshd": (3, 0),
    }


def test_clearing_what_is_not_there_does_nothing() -> None:
    desk = Desk()
    desk.table.clear(HUNG)
    assert desk.waiting == []


def test_event_is_not_cleared_and_stays_until_two_seats_recorded_it() -> None:
    desk = Desk()
    key, seen = death()
    desk.table.event(key, seen)
    desk.table.clear(key)
    generation = desk.turn().generation
    desk.table.answered(0, generation, recorded_upto=1, bitmap=0)
    desk.table.answered(0, generation, recorded_upto=1, bitmap=0)
    assert len(desk.faults()) == 1, "one seat twice is one seat"
    desk.table.answered(2, generation, recorded_upto=0, bitmap=1)
    assert desk.faults() == ()


def test_seat_that_lost_its_records_takes_its_word_back() -> None:
    desk = Desk()
    desk.table.event(*death())
    generation = desk.turn().generation
    desk.table.answered(0, generation, recorded_upto=1, bitmap=0)
    desk.table.answered(0, generation, recorded_upto=0, bitmap=0)
    desk.table.answered(1, generation, recorded_upto=1, bitmap=0)
    assert len(desk.faults()) == 1


def test_answer_to_an_older_set_records_nothing_new() -> None:
    desk = Desk()
    desk.table.put(HUNG, HUNG_SEEN)
    before = desk.turn().generation
    desk.table.event(*death())
    desk.turn()
    for seat in (0, 1):
        desk.table.answered(seat, before, recorded_upto=1000, bitmap=0)
    assert len(desk.faults()) == 2


def test_event_left_out_for_lack_of_room_is_not_taken_for_recorded() -> None:
    desk = Desk(room=400)
    for number in range(9):
        desk.table.event(*death(f"u{number}"))
    shown = {fault.serial for fault in desk.faults()} - {0}
    assert 0 < len(shown) < 9
    for seat in (0, 1):
        desk.table.answered(seat, desk.tellings[-1].generation, recorded_upto=1000, bitmap=0)
    desk.turn()
    assert len(desk.table.memory.entries) == 9 - len(shown)
    told = set(shown)
    while desk.table.memory.entries:
        told |= {fault.serial for fault in desk.faults()}
        for seat in (0, 1):
            desk.table.answered(seat, desk.tellings[-1].generation, recorded_upto=1000, bitmap=0)
        desk.turn()
    assert told - {0} == set(range(1, 10)), "each got its turn"


def test_overflow_is_counted_as_an_episode_of_its_own() -> None:
    desk = Desk(room=400)
    for _ in range(2):
        for number in range(9):
            key = FaultKey(FaultKind.LINK_DOWN, f"link/{number}")
            desk.table.put(key, Observed(key.kind, "NoCarrier", Severity.MAJOR, component=key.on, detail="x" * 100))
        overflows = [fault for fault in desk.faults() if fault.kind is FaultKind.AGENT_OVERFLOW]
        assert sum(desk.table.left_out.values()) > 0
        for number in range(9):
            desk.table.clear(FaultKey(FaultKind.LINK_DOWN, f"link/{number}"))
        assert desk.faults() == ()
    assert [fault.episode for fault in overflows] == [1]


def test_proof_follows_in_the_same_fault() -> None:
    desk = Desk()
    key, seen = death()
    desk.table.event(key, seen)
    (first,) = desk.faults()
    desk.table.event(key, replace(seen, proof="pid 7 reaped"))
    (second,) = desk.faults()
    assert (second.serial, second.proof, second.seen_at_ms) == (first.serial, "pid 7 reaped", first.seen_at_ms)
    assert desk.tellings[-1].new
    desk.table.event(key, seen)
    assert desk.faults()[0].proof == "pid 7 reaped", "proof is not taken back"


def test_proof_that_comes_after_the_record_goes_out_with_the_same_serial() -> None:
    desk = Desk()
    key, seen = death()
    desk.table.event(key, seen)
    before = desk.turn().generation
    for seat in (0, 1):
        desk.table.answered(seat, before, recorded_upto=1, bitmap=0)
    assert desk.faults() == ()
    desk.table.event(key, seen)
    assert desk.waiting == [], "a VM dies once"
    desk.table.event(key, replace(seen, proof="pid 7 reaped"))
    (again,) = desk.faults()
    assert (again.serial, again.episode, again.proof) == (1, 0, "pid 7 reaped")
    desk.table.answered(0, before, recorded_upto=1, bitmap=0)
    desk.table.answered(1, before, recorded_upto=1, bitmap=0)
    assert len(desk.faults()) == 1, "that was said of the fault without its proof"


def test_event_of_a_component_may_happen_again() -> None:
    desk = Desk()
    key = FaultKey(FaultKind.HARDWARE_FAILED, "memory/mc0")
    seen = Observed(key.kind, "Uncorrected", Severity.CRITICAL, component=key.on)
    for episode in (0, 1):
        desk.table.event(key, seen)
        (fault,) = desk.faults()
        assert fault.episode == episode
        for seat in (0, 1):
            desk.table.answered(seat, desk.tellings[-1].generation, recorded_upto=1000, bitmap=0)
        desk.turn()


def test_restart_keeps_events_with_their_serials_and_flags_them() -> None:
    before = Desk()
    before.table.event(*death())
    (fault,) = before.faults()
    after = before.restarted()
    assert after.faults() == (fault,)
    assert after.tellings[-1].new
    assert after.tellings[-1].spooled
    assert not before.tellings[-1].spooled


def test_serials_are_never_used_twice_even_if_the_last_spool_was_lost() -> None:
    before = Desk()
    before.table.memory.reserve()
    spooled: dict[str, Any] = before.table.memory.to_json()
    before.table.event(*death())  # told, and then the process was killed before the spool was written
    told = before.faults()[0].serial
    memory = from_json(spooled, "boot")
    assert memory is not None
    after = Desk(memory)
    after.table.event(*death("uid-2"))
    assert after.faults()[0].serial > told + SERIALS_RESERVED // 2


def test_answers_to_an_earlier_process_record_nothing() -> None:
    before = Desk()
    before.table.event(*death("uid-0"))
    generation = before.turn().generation
    after = before.restarted()
    after.table.event(*death("uid-1"))
    assert after.turn().generation > generation
    for seat in (0, 1):
        after.table.answered(seat, generation, recorded_upto=10_000, bitmap=0)
    assert len(after.faults()) == 2


def test_state_from_before_a_restart_is_the_same_fault_if_it_is_seen_again() -> None:
    before = Desk()
    before.table.put(HUNG, HUNG_SEEN)
    (fault,) = before.faults()
    after = before.restarted()
    assert after.faults() == (fault,)
    after.table.put(HUNG, HUNG_SEEN)
    after.now += CARRIED_OVER_SECONDS + 1
    after.table.expire()
    assert after.faults() == (fault,)


def test_state_from_before_a_restart_that_nobody_sees_again_is_cleared() -> None:
    before = Desk()
    before.table.put(HUNG, HUNG_SEEN)
    after = before.restarted()
    after.now += 1
    after.table.expire()
    assert len(after.faults()) == 1
    after.now += CARRIED_OVER_SECONDS + 1
    after.table.expire()
    assert after.faults() == ()
    after.table.put(HUNG, HUNG_SEEN)
    assert after.faults()[0].episode == 1


def test_memory_of_another_boot_is_dropped() -> None:
    desk = Desk()
    desk.table.event(*death())
    desk.turn()
    assert from_json(desk.table.memory.to_json(), "another boot") is None


@pytest.mark.parametrize("damage", [{"faults": [{}]}, {"reserved": None}, {"episodes": [["no-kind", "x", 1]]}])
def test_damaged_memory_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(Memory("boot").to_json() | damage, "boot")


def test_node_episode_only_grows() -> None:
    desk = Desk()
    desk.table.node_episode(4)
    desk.table.node_episode(2)
    assert desk.table.memory.node_episode == 4
    assert desk.story == ["saved"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "clear", "event", "record", "restart", "turn"]), st.integers(0, 3)), max_size=40
)


@given(STEPS)
def test_serials_grow_and_no_event_is_lost(steps: list[tuple[str, int]]) -> None:
    desk, happened, recorded = Desk(), set[str](), set[str]()
    desk.table.memory.reserve()
    greatest = 0
    for what, number in steps:
        key, seen = death(f"u{number}")
        state = FaultKey(FaultKind.LINK_DOWN, f"link/{number}")
        match what:
            case "put":
                desk.table.put(state, Observed(state.kind, "NoCarrier", Severity.MAJOR, component=state.on))
            case "clear":
                desk.table.clear(state)
            case "event":
                desk.table.event(key, seen)
                happened.add(key.on)
            case "record" if desk.tellings:
                shown = unpack(desk.tellings[-1].blob)
                for seat in (0, 1):
                    desk.table.answered(seat, desk.tellings[-1].generation, recorded_upto=greatest, bitmap=0)
                recorded |= {fault.vm_uid for fault in shown if fault.is_event}
            case "restart":
                desk.table.tell_again()
                desk = desk.restarted()
                desk.turn()
            case "turn" if desk.waiting:
                desk.turn()
        serials = [entry.serial for entry in desk.table.memory.entries.values()]
        assert len(set(serials)) == len(serials)
        if desk.tellings:
            greatest = max([greatest, *(fault.serial for fault in unpack(desk.tellings[-1].blob))])
    desk.table.tell_again()
    kept = {fault.vm_uid for fault in desk.faults() if fault.is_event}
    assert happened - recorded <= kept <= happened
