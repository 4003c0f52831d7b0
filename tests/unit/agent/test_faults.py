from dataclasses import replace

from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.wire.local_fault import unpack
from tests.unit.agent.fault_desk import HUNG, HUNG_SEEN, Desk, death


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


def test_fifty_deaths_are_all_told_within_a_few_sets_and_not_one_by_one_as_they_are_recorded() -> None:
    desk = Desk()
    for number in range(50):
        desk.table.event(*death(f"uid-{number}"))
    told: set[str] = set()
    telling = desk.turn()
    for _ in range(10):
        told |= {fault.vm_uid for fault in unpack(telling.blob) if fault.vm_uid}
        assert any(fault.kind is FaultKind.AGENT_OVERFLOW for fault in unpack(telling.blob)), "or states would be over"
        if len(told) == 50:
            break
        telling = desk.next_slice()
        assert telling.new
    assert len(told) == 50
    assert desk.next_slice().generation == telling.generation, "and then it is quiet"


def test_what_is_new_goes_before_deaths_that_wait_for_their_record() -> None:
    desk = Desk()
    for number in range(50):
        desk.table.event(*death(f"uid-{number}"))
    for _ in range(20):
        desk.next_slice()
    desk.table.put(HUNG, HUNG_SEEN)
    assert HUNG.kind in {fault.kind for fault in desk.faults()}


def test_a_fault_that_never_has_room_is_not_tried_for_ever() -> None:
    desk = Desk(room=400)
    key, seen = death()
    desk.table.event(key, replace(seen, vm_name="x" * 250, vnf="y" * 250))
    desk.table.put(HUNG, HUNG_SEEN)
    desk.turn()
    for _ in range(3):
        last = desk.next_slice()
    assert desk.next_slice().generation == last.generation


def test_one_fault_that_no_beat_can_carry_keeps_no_other_from_being_told() -> None:
    desk = Desk()
    key, seen = death()
    desk.table.event(key, replace(seen, slot=2**40))
    desk.table.put(HUNG, HUNG_SEEN)
    assert [fault.kind for fault in desk.faults()] == [HUNG.kind]
    desk.table.put(HUNG, replace(HUNG_SEEN, cause="x" * 300))
    assert [fault.cause for fault in desk.faults()] == [HUNG_SEEN.cause]
