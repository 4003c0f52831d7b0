"""Ways to spoil a datagram, each decided by a seeded source of randomness."""

from collections.abc import Callable
from random import Random
from typing import Final

from nfvi_ha.core.wire.frame import HEADER_BYTES, TAG_BYTES, FrameKind, seal

Mutation = Callable[[Random, bytes, bytes], bytes]
"""Of a datagram, with another one at hand."""


def truncated(random: Random, one: bytes, _other: bytes) -> bytes:
    """Cut off anywhere."""
    return one[: random.randrange(len(one) + 1)]


def extended(random: Random, one: bytes, _other: bytes) -> bytes:
    """With something behind it, up to far beyond any limit."""
    return one + random.randbytes(random.choice((1, 2, 16, 200, 1400, 9000)))


def flipped(random: Random, one: bytes, _other: bytes) -> bytes:
    """One to eight bits flipped."""
    made = bytearray(one)
    for _ in range(random.randint(1, 8)):
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def overwritten(random: Random, one: bytes, _other: bytes) -> bytes:
    """Some bytes in a row replaced."""
    at, size = random.randrange(len(one)), random.randint(1, 16)
    return (one[:at] + random.randbytes(size) + one[at + size :])[: len(one)]


def lengthened(random: Random, one: bytes, _other: bytes) -> bytes:
    """The length of the name is another: the classic lie."""
    return one[:HEADER_BYTES] + bytes([random.choice((0, 1, 127, 253, 254, 255))]) + one[HEADER_BYTES + 1 :]


def spliced(random: Random, one: bytes, other: bytes) -> bytes:
    """The beginning of one, the end of another."""
    return one[: random.randrange(len(one) + 1)] + other[random.randrange(len(other) + 1) :]


def beheaded(_random: Random, one: bytes, other: bytes) -> bytes:
    """The body of one under the header of another."""
    return other[:HEADER_BYTES] + one[HEADER_BYTES:]


def retagged(_random: Random, one: bytes, other: bytes) -> bytes:
    """With the tag of another."""
    return one[:-TAG_BYTES] + other[-TAG_BYTES:]


def renamed(random: Random, one: bytes, _other: bytes) -> bytes:
    """Of another kind, with the tag of this one."""
    return one[:3] + bytes([random.randrange(256)]) + one[4:]


def noise(random: Random, one: bytes, _other: bytes) -> bytes:
    """Nothing of it left, or only its header."""
    return one[: random.choice((0, 0, 3, HEADER_BYTES))] + random.randbytes(
        random.choice((0, 1, 31, 32, 80, 1400, 3000))
    )


MUTATIONS: Final[tuple[Mutation, ...]] = (
    truncated,
    extended,
    flipped,
    flipped,
    overwritten,
    lengthened,
    spliced,
    beheaded,
    retagged,
    renamed,
    noise,
)


def resealed(random: Random, data: bytes, kind: FrameKind, key: bytes) -> bytes:
    """A frame with a spoiled body and a true tag: what a sender with a defect would send."""
    body, key_id, cluster = data[HEADER_BYTES:-TAG_BYTES], int.from_bytes(data[4:8], "big"), data[8:16]
    spoil = random.choice((truncated, flipped, overwritten, lengthened, spliced, noise))
    spoiled = spoil(random, body, body) if body else random.randbytes(40)
    return seal(kind, spoiled[: 1400 - HEADER_BYTES - TAG_BYTES], key, key_id, cluster)
