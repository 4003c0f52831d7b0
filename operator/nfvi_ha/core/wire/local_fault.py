"""Faults as an agent sees them, and the whole current set of them packed into the room that a beat has.

A set is one entry behind the other, each ``u16 length | entry``, so kinds that only a newer agent knows are skipped.
"""

import struct
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.wire.body import MAX_NAME_BYTES, Data, Reader, Writer, cut
from nfvi_ha.core.wire.errors import BadFrame, Reason
from nfvi_ha.core.wire.fault_codes import KIND_OF, code_of

DETAIL_BYTES: Final = 120
_UID_BYTES: Final = 63
_CAUSE_BYTES: Final = 63
_NAMESPACE_BYTES: Final = 63
_SEVERITIES: Final = tuple(Severity)
"""By their number on the wire: append only."""
_EVENT: Final = 0x80
_LOW: Final = 0x40
_FIXED: Final = struct.Struct(">IBBQI")
OVERFLOW_CAUSE: Final = "TooManyFaults"
OVERFLOW_SERIAL: Final = 0
_OVERFLOW_BYTES: Final = 256
"""Room that is kept for the overflow entry: 41 bytes of fields, its cause, component and a full detail."""
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class LocalFault:
    """Something that is broken on this hypervisor now, or an event that is not recorded yet."""

    serial: int
    """32 bits; grows within a boot of the node, from 1. 0 is the overflow entry, which nobody acknowledges."""
    kind: FaultKind
    cause: str
    severity: Severity
    confidence: Confidence
    is_event: bool
    """It stays in the beat until it is recorded; otherwise it lasts as long as it is in the set."""
    seen_at_ms: int
    """The agent's wall clock, milliseconds since 1970."""
    episode: int
    """Counts per kind and component or VM in this boot, from 0."""
    component: str = ""
    """e.g. "process/kubelet"; "" where it is a VM's."""
    vm_uid: str = ""
    vm_namespace: str = ""
    vm_name: str = ""
    vnf: str = ""
    slot: int | None = None
    proof: str = ""
    """What makes it ProcessGone evidence, in words; "" where it is none. Cut to 120 bytes."""
    detail: str = ""
    """For people; cut to 120 bytes."""


def encode_fault(fault: LocalFault) -> bytes:
    """One entry, at most about 1,000 bytes: it fits a beat of any node.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    writer = Writer()
    bits = _SEVERITIES.index(fault.severity) | _EVENT * fault.is_event | _LOW * (fault.confidence is Confidence.LOW)
    writer.number(fault.serial, 4, "serial").number(code_of(fault.kind), 1, "kind").number(bits, 1, "bits")
    writer.number(fault.seen_at_ms, 8, "seen_at_ms").number(fault.episode, 4, "episode")
    writer.slot(fault.slot).text(fault.cause, _CAUSE_BYTES, "cause")
    writer.text(fault.component, 255, "component").text(fault.vm_uid, _UID_BYTES, "vm_uid")
    writer.text(fault.vm_namespace, _NAMESPACE_BYTES, "vm_namespace").text(fault.vm_name, MAX_NAME_BYTES, "vm_name")
    writer.text(fault.vnf, MAX_NAME_BYTES, "vnf")
    writer.text(cut(fault.proof, DETAIL_BYTES), DETAIL_BYTES, "proof")
    writer.text(cut(fault.detail, DETAIL_BYTES), DETAIL_BYTES, "detail")
    entry = writer.done()
    return len(entry).to_bytes(2, "big") + entry


def decode_fault(data: Data) -> LocalFault | None:
    """One entry without its length; None for a kind of fault that only a newer agent knows.

    Raises:
        BadFrame: it is malformed.
    """
    reader = Reader(data)
    serial, code, bits, seen_at_ms, episode = _FIXED.unpack(reader.raw(_FIXED.size))
    severity = bits & ~(_EVENT | _LOW)
    if severity >= len(_SEVERITIES):
        raise BadFrame(Reason.BODY, f"severity {severity}")
    kind = KIND_OF.get(code)
    if kind is None:
        return None
    fault = LocalFault(
        serial=serial,
        kind=kind,
        severity=_SEVERITIES[severity],
        confidence=Confidence.LOW if bits & _LOW else Confidence.HIGH,
        is_event=bool(bits & _EVENT),
        seen_at_ms=seen_at_ms,
        episode=episode,
        slot=reader.slot(),
        cause=reader.text(_CAUSE_BYTES),
        component=reader.text(),
        vm_uid=reader.text(_UID_BYTES),
        vm_namespace=reader.text(_NAMESPACE_BYTES),
        vm_name=reader.text(MAX_NAME_BYTES),
        vnf=reader.text(MAX_NAME_BYTES),
        proof=reader.text(DETAIL_BYTES),
        detail=reader.text(DETAIL_BYTES),
    )
    reader.end()
    return fault


@dataclass(frozen=True, slots=True)
class Packed:
    """A blob for a beat, and how many faults of which kinds found no room in it."""

    blob: bytes
    left_out: Mapping[FaultKind, int]


@dataclass(frozen=True, slots=True)
class FaultSet:
    """What a blob held."""

    faults: tuple[LocalFault, ...]
    unknown: int
    """Entries of kinds that only a newer agent knows; there is nothing we could do with them but count them."""


def pack(
    faults: Iterable[LocalFault], room: int, overflow_episode: int = 0, *, first: Container[int] = frozenset()
) -> Packed:
    """VM events first, then by severity, then by serial; what finds no room is counted in an AGENT_OVERFLOW entry.

    Those whose serials are in ``first`` go before all others: what was never said goes before what was.

    Raises:
        OutOfRange: a field of a fault cannot hold its value.
    """
    ordered = sorted(faults, key=lambda fault: (fault.serial not in first, *_precedence(fault)))
    entries = [encode_fault(fault) for fault in ordered]
    if sum(map(len, entries)) <= room:
        return Packed(b"".join(entries), {})
    blob, left_out = b"", []
    for fault, entry in zip(ordered, entries, strict=True):
        # The first may use the room kept for the overflow entry: better one fault told than only their number.
        if len(blob) + len(entry) <= (room - _OVERFLOW_BYTES if blob else room):
            blob += entry
        else:
            left_out.append(fault)
    counts = Counter(fault.kind for fault in left_out)
    note = encode_fault(_overflow(left_out, counts, overflow_episode))
    return Packed(blob + note if len(blob) + len(note) <= room else blob, counts)


def unpack_all(blob: Data) -> FaultSet:
    """All entries of a blob.

    Raises:
        BadFrame: it is malformed.
    """
    reader, faults, unknown = Reader(blob), [], 0
    while reader.more():
        fault = decode_fault(reader.raw(reader.number(2)))
        if fault is None:
            unknown += 1
        else:
            faults.append(fault)
    return FaultSet(tuple(faults), unknown)


def unpack(blob: Data) -> tuple[LocalFault, ...]:
    """The faults of a blob; kinds that only a newer agent knows are passed over (``unpack_all`` counts them).

    Raises:
        BadFrame: it is malformed.
    """
    return unpack_all(blob).faults


def _precedence(fault: LocalFault) -> tuple[bool, int, int]:
    return not (fault.is_event and fault.vm_uid), _RANK[fault.severity], fault.serial


def _overflow(left_out: list[LocalFault], counts: Counter[FaultKind], episode: int) -> LocalFault:
    named = ", ".join(f"{kind.value} {count}" for kind, count in counts.most_common())
    return LocalFault(
        serial=OVERFLOW_SERIAL,
        kind=FaultKind.AGENT_OVERFLOW,
        cause=OVERFLOW_CAUSE,
        severity=Severity.MAJOR,
        confidence=Confidence.HIGH,
        is_event=False,
        seen_at_ms=min(fault.seen_at_ms for fault in left_out),
        episode=episode,
        component="agent",
        detail=f"{len(left_out)} not named: {named}",
    )
