"""What sentinels tell each other, signed with the vote key: that they live, what they think, what they delivered."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.verdict.inputs import Opinion, Reach, Vote
from nfvi_ha.core.wire.body import MAX_NAME_BYTES, Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import SEATS, UNKNOWN, Nonces, read_nonces, write_nonces

_READY: Final = 1
_ABSTAINING: Final = 2
_MASS: Final = 4
_ID_BYTES: Final = 255
_OPINIONS: Final = {Opinion.SILENT: 1, Opinion.REACHABLE: 2, Opinion.ABSTAIN: 3}
_OPINION_OF: Final = {code: opinion for opinion, code in _OPINIONS.items()}


@dataclass(frozen=True, slots=True)
class SeatBeat:
    """A sentinel lives; and what the cluster looks like from its seat."""

    seat: int
    incarnation: int
    """Wall clock of its start, ns since 1970; more than in its last life, whatever the clock did."""
    sequence: int
    """Grows with every frame of this kind. The same frame over two networks has the same."""
    nonce: int
    """Its own start nonce, for the others to repeat."""
    governed: int
    """Hypervisors it expects; 16 bits, as the next two."""
    up: int
    silent: int
    """Suspect or worse."""
    ready: bool = True
    """Its warm-up is over."""
    abstaining: bool = False
    """It does not trust itself now, its loop stood still."""
    mass: bool = False
    """It holds a mass failure."""
    nonces: Nonces = UNKNOWN


@dataclass(frozen=True, slots=True)
class VoteFrame:
    """A vote on its way, with what proves that it is fresh."""

    vote: Vote
    nonces: Nonces = UNKNOWN


@dataclass(frozen=True, slots=True)
class Told:
    """A seat delivered a notification to these endpoints, so the others need not."""

    seat: int
    incarnation: int
    sequence: int
    notification_id: str
    endpoints: tuple[str, ...]
    nonces: Nonces = UNKNOWN


def encode_seat_beat(beat: SeatBeat, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    writer = _head(beat.seat, beat.incarnation, beat.sequence, beat.nonces)
    writer.number(beat.nonce, 8, "nonce").number(beat.governed, 2, "governed")
    writer.number(beat.up, 2, "up").number(beat.silent, 2, "silent")
    writer.number(_READY * beat.ready | _ABSTAINING * beat.abstaining | _MASS * beat.mass, 1, "bits")
    return seal(FrameKind.SEAT_BEAT, writer.done(), key, key_id, cluster)


def decode_seat_beat(data: Data, key: bytes, cluster: bytes | None = None) -> SeatBeat:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.SEAT_BEAT, key, cluster))
    seat, incarnation, sequence, nonces = _read_head(reader)
    nonce, governed, up, silent = reader.number(8), reader.number(2), reader.number(2), reader.number(2)
    bits = reader.number(1)
    reader.end()
    ready, abstaining, mass = bool(bits & _READY), bool(bits & _ABSTAINING), bool(bits & _MASS)
    return SeatBeat(seat, incarnation, sequence, nonce, governed, up, silent, ready, abstaining, mass, nonces)


def encode_vote(frame: VoteFrame, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    vote = frame.vote
    writer = _head(vote.seat, vote.incarnation, vote.sequence, frame.nonces)
    writer.name(vote.node, "node").uuid(vote.boot_id, "boot_id").number(_OPINIONS[vote.opinion], 1, "opinion")
    writer.number(vote.by, 1, "by").number(vote.dark, 4, "dark").number(vote.episode, 4, "episode")
    return seal(FrameKind.VOTE, writer.done(), key, key_id, cluster)


def decode_vote(data: Data, key: bytes, cluster: bytes | None = None) -> VoteFrame:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.VOTE, key, cluster))
    seat, incarnation, sequence, nonces = _read_head(reader)
    node, boot_id, opinion = reader.name(), reader.uuid(), reader.number(1)
    by, dark, episode = Reach(reader.number(1)), reader.number(4), reader.number(4)
    reader.end()
    if opinion not in _OPINION_OF:
        raise BadFrame(Reason.BODY, f"opinion {opinion}")
    vote = Vote(seat, incarnation, sequence, node, boot_id, _OPINION_OF[opinion], by, dark, episode)
    return VoteFrame(vote, nonces)


def encode_told(told: Told, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value, or there are more endpoints than fit (``told_parts`` splits them).
    """
    writer = _head(told.seat, told.incarnation, told.sequence, told.nonces)
    writer.text(told.notification_id, _ID_BYTES, "notification_id", shortest=1)
    for endpoint in told.endpoints:
        writer.name(endpoint, "endpoint")
    return seal(FrameKind.TOLD, writer.done(), key, key_id, cluster)


def decode_told(data: Data, key: bytes, cluster: bytes | None = None) -> Told:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.TOLD, key, cluster))
    seat, incarnation, sequence, nonces = _read_head(reader)
    notification_id, endpoints = reader.text(_ID_BYTES, shortest=1), []
    while reader.more():
        endpoints.append(reader.text(MAX_NAME_BYTES, shortest=1))
    return Told(seat, incarnation, sequence, notification_id, tuple(endpoints), nonces)


def told_parts(endpoints: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Endpoints in groups that fit one datagram each, whatever the notification's id."""
    groups: list[list[str]] = [[]]
    room = free = 1024
    for endpoint in endpoints:
        size = 1 + len(endpoint.encode())
        if size > free:
            groups.append([])
            free = room
        groups[-1].append(endpoint)
        free -= size
    return [tuple(group) for group in groups]


def _head(seat: int, incarnation: int, sequence: int, nonces: Nonces) -> Writer:
    if not 0 <= seat < SEATS:
        raise OutOfRange(f"seat: {seat}")
    writer = Writer().number(seat, 1, "seat").number(incarnation, 8, "incarnation").number(sequence, 8, "sequence")
    write_nonces(writer, nonces)
    return writer


def _read_head(reader: Reader) -> tuple[int, int, int, Nonces]:
    seat, incarnation, sequence = reader.number(1), reader.number(8), reader.number(8)
    if seat >= SEATS:
        raise BadFrame(Reason.BODY, f"seat {seat}")
    return seat, incarnation, sequence, read_nonces(reader)
