"""Encoders refuse what a field cannot hold, and say which field."""

from dataclasses import replace
from typing import Any

import pytest

from nfvi_ha.core.wire.beat import MAX_LAG_MS, room
from nfvi_ha.core.wire.errors import OutOfRange
from nfvi_ha.core.wire.frame import MAX_DATAGRAM, FrameKind
from nfvi_ha.core.wire.inventory import VmEntry, pack_entries
from nfvi_ha.core.wire.probe import Target
from tests.unit.core.wire.frames import CODECS
from tests.unit.core.wire.samples import SAMPLES

CODEC_OF = {codec.kind: codec for codec in CODECS}
K = FrameKind
TOO_MUCH: list[tuple[FrameKind, dict[str, Any], str]] = [
    (K.BEAT, {"node": ""}, "node"),
    (K.BEAT, {"node": "n" * 254}, "node"),
    (K.BEAT, {"node": "\ud800"}, "node"),
    (K.BEAT, {"boot_id": ""}, "boot_id"),
    (K.BEAT, {"boot_id": "not-a-uuid"}, "boot_id"),
    (K.BEAT, {"incarnation": -1}, "beat of"),
    (K.BEAT, {"incarnation": 1 << 64}, "beat of"),
    (K.BEAT, {"sequence": 1 << 64}, "beat of"),
    (K.BEAT, {"network": 256}, "beat of"),
    (K.BEAT, {"lag_ms": -1}, "beat of"),
    (K.BEAT, {"episode": 1 << 32}, "beat of"),
    (K.BEAT, {"fault_generation": 1 << 32}, "beat of"),
    (K.BEAT, {"nonces": (0, 0, 1 << 64)}, "beat of"),
    (K.BEAT, {"nonces": (0, 0)}, "beat of"),
    (K.BEAT, {"faults": bytes(1400)}, "BEAT"),
    (K.ANSWER, {"seat": 3}, "seat"),
    (K.ANSWER, {"nonce": 1 << 64}, "nonce"),
    (K.ANSWER, {"recorded_upto": 1 << 32}, "recorded_upto"),
    (K.ANSWER, {"recorded_bitmap": 1 << 64}, "recorded_bitmap"),
    (K.INVENTORY, {"part": 2}, "part 2 of 2"),
    (K.INVENTORY, {"boot_id": ""}, "boot id"),
    (K.INVENTORY, {"nonces": (0, 0)}, "nonces"),
    (K.INVENTORY, {"parts": 1 << 16}, "parts"),
    (K.GOODBYE, {"seconds": 1 << 16}, "seconds"),
    (K.GOODBYE, {"boot_id": ""}, "boot_id"),
    (K.ECHO_REQUEST, {"nonce": 1 << 64}, "nonce"),
    (K.ECHO_REPLY, {"node": "n" * 254}, "node"),
    (K.PROBE_REQUEST, {"targets": (Target(0, "worker-2", 1),)}, "address"),
    (K.PROBE_REQUEST, {"targets": (Target(0, "10.0.0.1", 65536),)}, "udp_port"),
    (K.PROBE_REQUEST, {"targets": (Target(0, "10.0.0.1", 1, (1,) * 9),)}, "tcp_ports"),
    (K.PROBE_REQUEST, {"targets": (Target(0, "10.0.0.1", 1),) * 9}, "9 targets"),
    (K.PROBE_REQUEST, {"seat": 3}, "seat 3"),
    (K.PROBE_RESULT, {"results": (SAMPLES[K.PROBE_RESULT].results[0],) * 25}, "25 results"),
    (K.SEAT_BEAT, {"seat": -1}, "seat"),
    (K.SEAT_BEAT, {"governed": 1 << 16}, "governed"),
    (K.VOTE, {"vote": replace(SAMPLES[K.VOTE].vote, by=256)}, "by"),
    (K.VOTE, {"vote": replace(SAMPLES[K.VOTE].vote, dark=1 << 32)}, "dark"),
    (K.VOTE, {"vote": replace(SAMPLES[K.VOTE].vote, boot_id="x")}, "boot_id"),
    (K.VOTE, {"vote": replace(SAMPLES[K.VOTE].vote, seat=3)}, "seat"),
    (K.TOLD, {"notification_id": ""}, "notification_id"),
    (K.TOLD, {"endpoints": ("e" * 250,) * 6}, "TOLD"),
]


@pytest.mark.parametrize(("kind", "change", "message"), TOO_MUCH)
def test_a_value_beyond_its_field_is_refused(kind: FrameKind, change: dict[str, Any], message: str) -> None:
    with pytest.raises(OutOfRange, match=message):
        CODEC_OF[kind].encode(replace(SAMPLES[kind], **change))


def test_a_lag_beyond_its_field_is_told_as_the_greatest() -> None:
    codec = CODEC_OF[K.BEAT]
    assert codec.decode(codec.encode(replace(SAMPLES[K.BEAT], lag_ms=1_000_000))).lag_ms == MAX_LAG_MS


@pytest.mark.parametrize("node", ["n", "n" * 253, "ü" * 126])
def test_a_beat_has_exactly_the_room_that_is_promised(node: str) -> None:
    codec = CODEC_OF[K.BEAT]
    full = replace(SAMPLES[K.BEAT], node=node, faults=bytes(room(node)))
    assert len(codec.encode(full)) == MAX_DATAGRAM
    with pytest.raises(OutOfRange):
        codec.encode(replace(full, faults=bytes(room(node) + 1)))


@pytest.mark.parametrize("slot", [-1, 0xFFFF, 0x10000])
def test_a_slot_beyond_its_field_is_refused(slot: int) -> None:
    with pytest.raises(OutOfRange, match="slot"):
        pack_entries((VmEntry("u", "ns", "name", slot=slot),))
