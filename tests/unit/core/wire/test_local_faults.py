"""The whole set of faults in a beat: there and back, the most urgent first, the rest as numbers."""

import random
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.answer import Answer
from nfvi_ha.core.wire.beat import room
from nfvi_ha.core.wire.errors import OutOfRange
from nfvi_ha.core.wire.fault_codes import KIND_OF
from nfvi_ha.core.wire.frame import BadFrame
from nfvi_ha.core.wire.inventory import VmEntry, chunks, unpack_entries
from nfvi_ha.core.wire.local_fault import LocalFault, encode_fault, pack, unpack, unpack_all
from nfvi_ha.core.wire.votes import told_parts
from tests.unit.core.wire.frames import ENTRIES, FAULTS, text
from tests.unit.core.wire.samples import KUBELET_HUNG, VM_DEATH

PLENTY = 100_000


def fault(serial: int, **fields: object) -> LocalFault:
    return replace(KUBELET_HUNG, serial=serial, **fields)  # type: ignore[arg-type]


def test_every_kind_of_fault_has_a_number() -> None:
    assert set(KIND_OF.values()) == set(FaultKind)


def test_numbers_of_severities_never_change() -> None:
    assert [severity.value for severity in Severity] == ["critical", "major", "minor", "warning", "cleared"]


@given(faults=st.lists(FAULTS, max_size=5))
def test_a_set_comes_back_whole(faults: list[LocalFault]) -> None:
    packed = pack(faults, PLENTY)
    assert not packed.left_out
    assert sorted(unpack(packed.blob), key=repr) == sorted(faults, key=repr)


@given(blob=st.binary(max_size=200))
@settings(max_examples=300)
def test_a_malformed_set_is_refused_and_nothing_else(blob: bytes) -> None:
    with suppress(BadFrame):
        unpack(blob)


def test_every_truncation_of_a_set_is_refused() -> None:
    blob = pack((VM_DEATH, KUBELET_HUNG), PLENTY).blob
    whole = {0, len(encode_fault(VM_DEATH)), len(blob)}
    for size in range(len(blob)):
        if size not in whole:
            with pytest.raises(BadFrame):
                unpack(blob[:size])


def test_a_kind_that_only_a_newer_agent_knows_costs_nothing_but_itself() -> None:
    entry = bytearray(encode_fault(KUBELET_HUNG))
    entry[6] = 0xEE
    entry[:2] = (len(entry) - 2 + 3).to_bytes(2, "big")
    found = unpack_all(bytes(entry) + b"new" + encode_fault(VM_DEATH))
    assert (found.faults, found.unknown) == ((VM_DEATH,), 1)
    assert unpack(bytes(entry) + b"new") == ()


def test_vm_events_come_first_then_severity_then_serial() -> None:
    warning = fault(1, severity=Severity.WARNING)
    critical = [fault(serial, severity=Severity.CRITICAL) for serial in (9, 3)]
    component_event = fault(2, is_event=True)
    vm_state = replace(VM_DEATH, serial=4, is_event=False, severity=Severity.MAJOR)
    vm_events = [replace(VM_DEATH, serial=serial, severity=Severity.MAJOR) for serial in (20, 10)]
    faults = [warning, *critical, component_event, vm_state, *vm_events]
    random.Random(1).shuffle(faults)
    assert [each.serial for each in unpack(pack(faults, PLENTY).blob)] == [10, 20, 3, 9, 2, 4, 1]


@given(count=st.integers(1, 60), space=st.integers(0, 1200))
def test_what_finds_no_room_is_counted_by_kind(count: int, space: int) -> None:
    faults = [fault(n + 1, kind=FaultKind.LINK_DOWN if n % 3 else FaultKind.PROCESS_FAILED) for n in range(count)]
    packed = pack(faults, space)
    assert len(packed.blob) <= space
    found = [each for each in unpack(packed.blob) if each.kind is not FaultKind.AGENT_OVERFLOW]
    assert len(found) + sum(packed.left_out.values()) == count
    for kind in (FaultKind.LINK_DOWN, FaultKind.PROCESS_FAILED):
        left = packed.left_out.get(kind, 0)
        assert left + sum(each.kind is kind for each in found) == sum(each.kind is kind for each in faults)


def test_a_full_beat_says_how_much_it_does_not_say() -> None:
    packed = pack([fault(n + 1) for n in range(60)], room("worker-1"), overflow_episode=3)
    note = unpack(packed.blob)[-1]
    assert (note.kind, note.cause, note.component) == (FaultKind.AGENT_OVERFLOW, "TooManyFaults", "agent")
    assert (note.serial, note.episode, note.confidence) == (0, 3, Confidence.HIGH)
    left = packed.left_out[FaultKind.PROCESS_HUNG]
    assert left > 0
    assert note.detail == f"{left} not named: process.hung {left}"


def test_the_overflow_note_fits_whatever_is_left_out() -> None:
    faults = [fault(n + 1, kind=kind, is_event=True) for n, kind in enumerate(list(FaultKind) * 9)]
    assert unpack(pack(faults, room("n" * 253)).blob)[-1].kind is FaultKind.AGENT_OVERFLOW


def test_the_largest_vm_death_fits_the_smallest_beat() -> None:
    """Else it would wait for room for ever, and never be told."""
    largest = replace(
        VM_DEATH,
        cause="C" * 63,
        vm_uid="u" * 63,
        vm_namespace="n" * 63,
        vm_name="v" * 253,
        vnf="f" * 253,
        proof="p" * 200,
        detail="d" * 200,
    )
    others = [fault(n + 10) for n in range(40)]
    assert unpack(pack([*others, largest], room("n" * 253)).blob)[0].vm_name == "v" * 253


@given(detail=text(400), proof=text(400))
def test_texts_for_people_are_cut_at_a_character(detail: str, proof: str) -> None:
    (found,) = unpack(pack((replace(VM_DEATH, detail=detail, proof=proof),), PLENTY).blob)
    assert detail.startswith(found.detail)
    assert found.detail == detail or 117 <= len(found.detail.encode()) <= 120
    assert bool(found.proof) == bool(proof)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serial", 1 << 32),
        ("serial", -1),
        ("episode", 1 << 32),
        ("seen_at_ms", -1),
        ("cause", "C" * 64),
        ("component", "c" * 256),
        ("vm_uid", "u" * 64),
        ("vm_namespace", "n" * 64),
        ("vm_name", "v" * 254),
        ("vnf", "v" * 254),
        ("slot", 0xFFFF),
        ("slot", -1),
    ],
)
def test_a_field_beyond_its_size_is_refused(field: str, value: object) -> None:
    with pytest.raises(OutOfRange, match=field):
        pack((replace(VM_DEATH, **{field: value}),), PLENTY)  # type: ignore[arg-type]


@given(upto=st.integers(0, 100), bitmap=st.integers(0, (1 << 64) - 1), serial=st.integers(1, 200))
def test_an_answer_names_recorded_serials(upto: int, bitmap: int, serial: int) -> None:
    answer = Answer(0, 1, 1, 1, 0, True, upto, bitmap, False)
    recorded = set(range(upto + 1)) | {upto + 1 + bit for bit in range(64) if bitmap >> bit & 1}
    assert answer.recorded(serial) == (serial in recorded)


@given(entries=st.lists(ENTRIES, max_size=12))
@settings(deadline=None)
def test_chunks_hold_all_vms_in_order(entries: list[VmEntry]) -> None:
    parts = chunks("n" * 253, entries)
    assert [entry for part in parts for entry in unpack_entries(part)] == entries
    assert all(len(part) <= 1400 - 16 - 254 - 56 - 16 for part in parts)


def test_no_vms_are_one_empty_part() -> None:
    assert chunks("worker-1", ()) == [b""]


@given(endpoints=st.lists(text(253, 1), max_size=30).map(tuple))
def test_endpoints_told_are_split_into_datagrams(endpoints: tuple[str, ...]) -> None:
    parts = told_parts(endpoints)
    assert tuple(endpoint for part in parts for endpoint in part) == endpoints
    assert all(sum(1 + len(endpoint.encode()) for endpoint in part) <= 1024 for part in parts)
