"""What the fault table knows after a restart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.agent.faults import CARRIED_OVER_SECONDS
from nfvi_ha.agent.memory import SERIALS_RESERVED, Memory, from_json
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.wire.local_fault import unpack
from tests.unit.agent.fault_desk import HUNG, HUNG_SEEN, Desk, death


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
