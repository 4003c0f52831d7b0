"""Strategies and samples of everything that can be on the wire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.inputs import Opinion, Reach, Vote
from nfvi_ha.core.wire import answer, beat, echo, goodbye, inventory, probe, votes
from nfvi_ha.core.wire.frame import FrameKind, cluster_id
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.local_fault import LocalFault

CLUSTER = cluster_id("test")
MASTER = bytes(range(32))
NODE = "worker-1"
BOOT = "5b3f6c1e-8a52-4a8e-9f0d-1d7c2b3a4f50"
KEY_ID = 7
KEY = node_key(MASTER, NODE, KEY_ID)
VOTE_KEY = bytes(range(32, 64))


def text(longest: int, shortest: int = 0) -> st.SearchStrategy[str]:
    """Texts by their length in bytes, not in characters."""
    any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=longest)
    return any_text.filter(lambda value: shortest <= len(value.encode()) <= longest)


def number(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


NAMES = st.one_of(text(253, 1), st.sampled_from(["n" * 253, "worker-1", "ü" * 126]))
SEATS = st.integers(0, 2)
BOOTS = st.uuids().map(str).filter(lambda value: value != "00000000-0000-0000-0000-000000000000")
NONCES = st.tuples(number(64), number(64), number(64))
SLOTS = st.none() | st.integers(0, 0xFFFE)

FAULTS = st.builds(
    LocalFault,
    serial=number(32),
    kind=st.sampled_from(FaultKind),
    cause=text(63),
    severity=st.sampled_from(Severity),
    confidence=st.sampled_from(Confidence),
    is_event=st.booleans(),
    seen_at_ms=number(64),
    episode=number(32),
    component=text(255),
    vm_uid=text(63),
    vm_namespace=text(63),
    vm_name=text(253),
    vnf=text(253),
    slot=SLOTS,
    proof=text(120),
    detail=text(120),
)
BEATS = st.builds(
    beat.Beat,
    node=NAMES,
    boot_id=BOOTS,
    incarnation=number(64),
    sequence=number(64),
    network=number(8),
    flags=number(8).map(beat.Flags),
    watchdog=st.sampled_from(beat.Watchdog),
    lag_ms=number(16),
    episode=number(32),
    fault_generation=number(32),
    inventory_generation=number(32),
    nonces=NONCES,
    faults=st.binary(max_size=900),
)
ANSWERS = st.builds(
    answer.Answer,
    seat=SEATS,
    nonce=number(64),
    incarnation=number(64),
    sequence=number(64),
    episode=number(32),
    permit=st.booleans(),
    recorded_upto=number(32),
    recorded_bitmap=number(64),
    goodbye_accepted=st.booleans(),
)
ENTRIES = st.builds(
    inventory.VmEntry,
    uid=text(63, 1),
    namespace=text(63, 1),
    name=NAMES,
    vnf=text(253),
    slot=SLOTS,
    report=st.booleans(),
    going=st.booleans(),
)
INVENTORIES = st.builds(
    inventory.Inventory,
    node=NAMES,
    boot_id=BOOTS,
    incarnation=number(64),
    generation=number(32),
    part=st.integers(0, 9),
    parts=st.integers(10, 0xFFFF),
    nonces=NONCES,
    packed=st.lists(ENTRIES, max_size=1).map(inventory.pack_entries),
)
GOODBYES = st.builds(
    goodbye.Goodbye,
    node=NAMES,
    boot_id=BOOTS,
    incarnation=number(64),
    sequence=number(64),
    reason=st.sampled_from(goodbye.GoodbyeReason),
    seconds=number(16),
    nonces=NONCES,
)
REQUESTS = st.builds(echo.EchoRequest, node=NAMES, nonce=number(64))
REPLIES = st.builds(echo.EchoReply, node=NAMES, nonce=number(64))
TARGETS = st.builds(
    probe.Target,
    network=number(8),
    address=st.ip_addresses().map(str),
    udp_port=number(16),
    tcp_ports=st.lists(number(16), max_size=8).map(tuple),
)
PROBE_REQUESTS = st.builds(
    probe.ProbeRequest,
    node=NAMES,
    seat=SEATS,
    request_id=number(64),
    target=NAMES,
    targets=st.lists(TARGETS, max_size=8).map(tuple),
)
FINDINGS = st.builds(
    probe.Found, network=number(8), method=st.sampled_from(probe.Method), outcome=st.sampled_from(probe.Outcome)
)
PROBE_RESULTS = st.builds(
    probe.ProbeResult,
    node=NAMES,
    request_id=number(64),
    target=NAMES,
    results=st.lists(FINDINGS, max_size=24).map(tuple),
)
SEAT_BEATS = st.builds(
    votes.SeatBeat,
    seat=SEATS,
    incarnation=number(64),
    sequence=number(64),
    nonce=number(64),
    governed=number(16),
    up=number(16),
    silent=number(16),
    ready=st.booleans(),
    abstaining=st.booleans(),
    mass=st.booleans(),
    nonces=NONCES,
)
VOTES = st.builds(
    votes.VoteFrame,
    st.builds(
        Vote,
        seat=SEATS,
        incarnation=number(64),
        sequence=number(64),
        node=NAMES,
        boot_id=BOOTS | st.just(""),
        opinion=st.sampled_from(Opinion),
        by=number(5).map(Reach),
        dark=number(32),
        episode=number(32),
    ),
    NONCES,
)
TOLDS = st.builds(
    votes.Told,
    seat=SEATS,
    incarnation=number(64),
    sequence=number(64),
    notification_id=text(200, 1),
    endpoints=st.lists(text(253, 1), max_size=4).map(tuple),
    nonces=NONCES,
)


@dataclass(frozen=True)
class Codec:
    """One kind of frame: what to make of it, and how it goes to bytes and back."""

    kind: FrameKind
    values: st.SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Any]

    def __repr__(self) -> str:
        return self.kind.name


def _signed(kind: FrameKind, values: Any, encode: Any, decode: Any) -> Codec:
    return Codec(
        kind, values, lambda value: encode(value, KEY, KEY_ID, CLUSTER), lambda data: decode(data, KEY, CLUSTER)
    )


CODECS = (
    _signed(FrameKind.BEAT, BEATS, beat.encode_beat, beat.decode_beat),
    _signed(FrameKind.ANSWER, ANSWERS, answer.encode_answer, answer.decode_answer),
    _signed(FrameKind.INVENTORY, INVENTORIES, inventory.encode_inventory, inventory.decode_inventory),
    _signed(FrameKind.GOODBYE, GOODBYES, goodbye.encode_goodbye, goodbye.decode_goodbye),
    Codec(
        FrameKind.ECHO_REQUEST,
        REQUESTS,
        lambda value: echo.encode_echo_request(value, CLUSTER),
        lambda data: echo.decode_echo_request(data, CLUSTER),
    ),
    _signed(FrameKind.ECHO_REPLY, REPLIES, echo.encode_echo_reply, echo.decode_echo_reply),
    _signed(FrameKind.PROBE_REQUEST, PROBE_REQUESTS, probe.encode_probe_request, probe.decode_probe_request),
    _signed(FrameKind.PROBE_RESULT, PROBE_RESULTS, probe.encode_probe_result, probe.decode_probe_result),
    _signed(FrameKind.SEAT_BEAT, SEAT_BEATS, votes.encode_seat_beat, votes.decode_seat_beat),
    _signed(FrameKind.VOTE, VOTES, votes.encode_vote, votes.decode_vote),
    _signed(FrameKind.TOLD, TOLDS, votes.encode_told, votes.decode_told),
)
