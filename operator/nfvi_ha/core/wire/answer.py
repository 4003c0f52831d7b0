"""Answers of a sentinel to a beat, once a second: its nonce, what it has recorded, and a permit.

Always shorter than the beat it answers (75 bytes against 109 and more), so nobody can use a sentinel to multiply
traffic. It names the beat, so the agent can reckon a permit's age from the moment it sent that beat.
"""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.wire.body import Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import SEATS

BITMAP_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sentinel says to an agent."""

    seat: int
    nonce: int
    """The sentinel's start nonce; later beats must carry it to count as life."""
    incarnation: int
    """Of the beat answered. Greater than the agent's own: the node's clock went back since an earlier start, and the
    agent must step over it (``max`` of its own and this + 1), for older incarnations are taken for replays."""
    sequence: int
    """Of the beat answered."""
    episode: int
    """Episode of faults of the hypervisor itself."""
    permit: bool
    """The agent may go on feeding its watchdog."""
    recorded_upto: int
    """All serials up to this are recorded."""
    recorded_bitmap: int
    """Bit i: serial ``recorded_upto + 1 + i`` is recorded."""
    goodbye_accepted: bool

    def recorded(self, serial: int) -> bool:
        """Whether this sentinel has recorded the fault of that serial."""
        beyond = serial - self.recorded_upto - 1
        return beyond < 0 or (beyond < BITMAP_BITS and bool(self.recorded_bitmap >> beyond & 1))


def encode_answer(answer: Answer, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram, with the key of the node that is answered.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    if answer.seat >= SEATS:
        raise OutOfRange(f"seat: {answer.seat}")
    writer = Writer().number(answer.seat, 1, "seat").number(answer.nonce, 8, "nonce")
    writer.number(answer.incarnation, 8, "incarnation").number(answer.sequence, 8, "sequence")
    writer.number(answer.episode, 4, "episode").number(answer.permit, 1, "permit")
    writer.number(answer.recorded_upto, 4, "recorded_upto").number(answer.recorded_bitmap, 8, "recorded_bitmap")
    writer.number(answer.goodbye_accepted, 1, "goodbye_accepted")
    return seal(FrameKind.ANSWER, writer.done(), key, key_id, cluster)


def decode_answer(data: Data, key: bytes, cluster: bytes | None = None) -> Answer:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.ANSWER, key, cluster))
    answer = Answer(
        seat=reader.number(1),
        nonce=reader.number(8),
        incarnation=reader.number(8),
        sequence=reader.number(8),
        episode=reader.number(4),
        permit=reader.flag(),
        recorded_upto=reader.number(4),
        recorded_bitmap=reader.number(8),
        goodbye_accepted=reader.flag(),
    )
    reader.end()
    if answer.seat >= SEATS:
        raise BadFrame(Reason.BODY, f"seat {answer.seat}")
    return answer
