"""Every kind of frame: there and back, refused when it is not as it was sealed, never longer than allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvi_ha.core.wire.errors import OutOfRange
from nfvi_ha.core.wire.frame import MAX_DATAGRAM, BadFrame, FrameKind, Reason, cluster_id, peek, seal, unseal
from nfvi_ha.core.wire.keys import node_key
from tests.unit.core.wire.frames import CLUSTER, CODECS, KEY, KEY_ID, MASTER, NODE, Codec
from tests.unit.core.wire.samples import SAMPLES

GOLDEN = Path(__file__).with_name("golden")
CODEC_OF = {codec.kind: codec for codec in CODECS}
each_kind = pytest.mark.parametrize("codec", CODECS, ids=repr)


def test_every_kind_has_a_codec_and_a_sample() -> None:
    assert set(CODEC_OF) == set(SAMPLES) == set(FrameKind)


@each_kind
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_goes_out_comes_back(codec: Codec, data: Any) -> None:
    value = data.draw(codec.values)
    datagram = codec.encode(value)
    assert codec.decode(datagram) == value
    assert codec.decode(memoryview(bytearray(datagram))) == value
    assert len(datagram) <= MAX_DATAGRAM


@each_kind
def test_bytes_of_a_version_never_change(codec: Codec) -> None:
    golden = bytes.fromhex((GOLDEN / f"{codec.kind.name.lower()}.hex").read_text())
    assert codec.encode(SAMPLES[codec.kind]) == golden
    assert codec.decode(golden) == SAMPLES[codec.kind]


@each_kind
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_bit_is_refused(codec: Codec, data: Any) -> None:
    datagram = bytearray(codec.encode(SAMPLES[codec.kind]))
    bit = data.draw(st.integers(0, len(datagram) * 8 - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadFrame):
        _decode_as_receivers_do(codec, bytes(datagram))


@each_kind
def test_any_truncation_or_addition_is_refused(codec: Codec) -> None:
    datagram = codec.encode(SAMPLES[codec.kind])
    for size in range(len(datagram)):
        with pytest.raises(BadFrame):
            codec.decode(datagram[:size])
    with pytest.raises(BadFrame):
        codec.decode(datagram + b"\0")


@each_kind
@given(body=st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_authentic_nonsense_is_refused_and_nothing_else(codec: Codec, body: bytes) -> None:
    key = b"" if codec.kind is FrameKind.ECHO_REQUEST else KEY
    assert _refusal(lambda: codec.decode(seal(codec.kind, body, key, KEY_ID, CLUSTER))) in {None, Reason.BODY}


@each_kind
@given(noise=st.binary(max_size=1500))
@settings(max_examples=60, deadline=None)
def test_noise_is_refused(codec: Codec, noise: bytes) -> None:
    with pytest.raises(BadFrame):
        codec.decode(noise)


@each_kind
def test_a_kind_is_not_taken_for_another(codec: Codec) -> None:
    for other in CODECS:
        if other.kind is not codec.kind:
            with pytest.raises(BadFrame) as refused:
                codec.decode(other.encode(SAMPLES[other.kind]))
            assert refused.value.reason is Reason.KIND


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame[:31], Reason.TOO_SHORT),
        (lambda frame: frame + bytes(1401 - len(frame)), Reason.TOO_LONG),
        (lambda frame: b"XX" + frame[2:], Reason.MAGIC),
        (lambda frame: frame[:2] + b"\2" + frame[3:], Reason.VERSION),
        (lambda frame: frame[:3] + b"\0" + frame[4:], Reason.KIND),
        (lambda frame: frame[:3] + b"\14" + frame[4:], Reason.KIND),
        (lambda frame: frame[:8] + cluster_id("other") + frame[16:], Reason.CLUSTER),
        (lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]), Reason.TAG),
        (lambda frame: frame[:4] + b"\0\0\0\1" + frame[8:], Reason.TAG),
    ],
)
def test_the_reason_says_what_was_wrong(change: Any, reason: Reason) -> None:
    codec = CODEC_OF[FrameKind.BEAT]
    with pytest.raises(BadFrame) as refused:
        codec.decode(change(codec.encode(SAMPLES[FrameKind.BEAT])))
    assert refused.value.reason is reason


def test_another_nodes_key_is_refused() -> None:
    frame = CODEC_OF[FrameKind.BEAT].encode(SAMPLES[FrameKind.BEAT])
    with pytest.raises(BadFrame) as refused:
        unseal(frame, FrameKind.BEAT, node_key(MASTER, "worker-2", KEY_ID))
    assert refused.value.reason is Reason.TAG


@each_kind
def test_peek_reads_the_header_without_a_key(codec: Codec) -> None:
    header = peek(codec.encode(SAMPLES[codec.kind]))
    named = codec.kind not in {FrameKind.ANSWER, FrameKind.SEAT_BEAT, FrameKind.VOTE, FrameKind.TOLD}
    assert (header.kind, header.cluster) == (codec.kind, CLUSTER)
    assert header.key_id == (0 if codec.kind is FrameKind.ECHO_REQUEST else KEY_ID)
    assert header.node == (NODE if named else "")


@given(noise=st.binary(max_size=100), kind=st.sampled_from(FrameKind))
def test_peek_refuses_noise_and_raises_nothing_else(noise: bytes, kind: FrameKind) -> None:
    frame = seal(kind, noise, KEY, KEY_ID, CLUSTER)
    assert _refusal(lambda: peek(noise)) is not None
    assert _refusal(lambda: peek(frame)) in {None, Reason.BODY}


def test_a_frame_beyond_the_limit_is_not_made() -> None:
    seal(FrameKind.BEAT, bytes(MAX_DATAGRAM - 32), KEY, KEY_ID, CLUSTER)
    with pytest.raises(OutOfRange, match="1401"):
        seal(FrameKind.BEAT, bytes(MAX_DATAGRAM - 31), KEY, KEY_ID, CLUSTER)


@pytest.mark.parametrize("key_id", [-1, 1 << 32])
def test_a_key_id_has_32_bits(key_id: int) -> None:
    with pytest.raises(OutOfRange, match="key id"):
        seal(FrameKind.BEAT, b"", KEY, key_id, CLUSTER)
    with pytest.raises(OutOfRange, match="key id"):
        node_key(MASTER, NODE, key_id)


def test_a_node_key_never_changes_between_releases() -> None:
    assert node_key(MASTER, NODE, 7).hex() == "a02cd0148f42b99e70e48c0a0f9546147815e40bc1c772f58f235a8469487fb6"


def test_node_keys_differ_by_master_node_and_key_id() -> None:
    keys = {node_key(m, n, i) for m in (MASTER, bytes(32)) for n in ("a", "b") for i in (0, 1)}
    assert len(keys) == 8


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_master_key_of_a_silly_size_is_refused(size: int) -> None:
    with pytest.raises(OutOfRange, match="master key"):
        node_key(bytes(size), NODE, 0)


def _refusal(read: Callable[[], object]) -> Reason | None:
    try:
        read()
    except BadFrame as error:
        return error.reason
    return None


def _decode_as_receivers_do(codec: Codec, data: bytes) -> None:
    """A receiver looks its key up by the key id, so a frame of another key id is refused before the tag."""
    header = peek(data)
    if header.key_id != (0 if codec.kind is FrameKind.ECHO_REQUEST else KEY_ID):
        raise BadFrame(Reason.UNKNOWN_KEY)
    codec.decode(data)
