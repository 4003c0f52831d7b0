"""The frame around every body: ``"NH" | version | kind | key id | cluster | body | tag``.

The tag is keyed BLAKE2b of everything before it, 16 bytes: with keys of 32 bytes as good as HMAC-SHA-256 cut to that
size, in a third of its time (measured; RFC 7693 defines the keyed mode). Kind and cluster are under the tag, so a frame
cannot be taken for another kind or carried into another cluster that happens to share a key.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nfvi_ha.core.wire.body import MAX_NAME_BYTES, Data
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason

__all__ = ["MAX_DATAGRAM", "BadFrame", "FrameKind", "Header", "Reason", "cluster_id", "peek", "seal", "unseal"]

MAX_DATAGRAM: Final = 1400
"""Bytes; with IP and UDP headers below the 1500 of Ethernet even inside a tunnel, so nothing is ever fragmented."""
MAGIC: Final = b"NH"
VERSION: Final = 1
TAG_BYTES: Final = 16
CLUSTER_BYTES: Final = 8
HEADER: Final = struct.Struct(">2sBBI8s")
HEADER_BYTES: Final = HEADER.size
MIN_DATAGRAM: Final = HEADER_BYTES + TAG_BYTES


class FrameKind(IntEnum):
    """What the body is."""

    BEAT = 1
    ANSWER = 2
    INVENTORY = 3
    GOODBYE = 4
    ECHO_REQUEST = 5
    ECHO_REPLY = 6
    PROBE_REQUEST = 7
    PROBE_RESULT = 8
    SEAT_BEAT = 9
    VOTE = 10
    TOLD = 11


NAMED: Final = frozenset(FrameKind) - {FrameKind.ANSWER, FrameKind.SEAT_BEAT, FrameKind.VOTE, FrameKind.TOLD}
"""Kinds whose body begins with a node's name: it says whose key the tag was made with."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a datagram says of itself. Nothing of it is proven until the tag is."""

    kind: FrameKind
    key_id: int
    cluster: bytes
    node: str
    """"" for the kinds that do not begin with one."""


def cluster_id(name: str) -> bytes:
    """8 bytes that stand for the cluster, so that a beat which went astray is dropped before any key is tried."""
    return hashlib.blake2b(name.encode(), digest_size=CLUSTER_BYTES).digest()


def peek(data: Data) -> Header:
    """Read the header and the node's name, cheaply, without any key.

    Raises:
        BadFrame: too short, too long, not ours, another version, no such kind, or no room for the name.
    """
    kind, key_id, cluster = _header(data)
    node = ""
    if kind in NAMED:
        size, end = data[HEADER_BYTES] if len(data) > MIN_DATAGRAM else 0, len(data) - TAG_BYTES
        if not 0 < size <= MAX_NAME_BYTES or HEADER_BYTES + 1 + size > end:
            raise BadFrame(Reason.BODY, "no node's name")
        try:
            node = bytes(data[HEADER_BYTES + 1 : HEADER_BYTES + 1 + size]).decode()
        except UnicodeDecodeError as error:
            raise BadFrame(Reason.BODY, "the node's name is not UTF-8") from error
    return Header(kind, key_id, cluster, node)


def seal(kind: FrameKind, body: bytes, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """Body to datagram.

    Raises:
        OutOfRange: the datagram would be longer than ``MAX_DATAGRAM``, or key id or cluster is none.
    """
    if not 0 <= key_id <= 0xFFFF_FFFF:
        raise OutOfRange(f"key id: {key_id}")
    if len(cluster) != CLUSTER_BYTES:
        raise OutOfRange(f"cluster: {len(cluster)} bytes, not {CLUSTER_BYTES}")
    signed = HEADER.pack(MAGIC, VERSION, kind, key_id, cluster) + body
    if len(signed) + TAG_BYTES > MAX_DATAGRAM:
        raise OutOfRange(f"{kind.name} of {len(signed) + TAG_BYTES} bytes, at most {MAX_DATAGRAM}")
    return signed + tag(signed, key)


def unseal(data: Data, kind: FrameKind, key: bytes, cluster: bytes | None = None) -> bytes:
    """Datagram of that kind to body, the tag verified; the cluster is compared where one is given.

    Raises:
        BadFrame: it is not authentic, or not what was expected.
    """
    found, _, of_cluster = _header(data)
    if found is not kind:
        raise BadFrame(Reason.KIND, f"{found.name}, not {kind.name}")
    if cluster is not None and of_cluster != cluster:
        raise BadFrame(Reason.CLUSTER)
    if not hmac.compare_digest(tag(data[:-TAG_BYTES], key), bytes(data[-TAG_BYTES:])):
        raise BadFrame(Reason.TAG)
    return bytes(data[HEADER_BYTES:-TAG_BYTES])


def tag(signed: Data, key: bytes) -> bytes:
    """The tag of header and body. Without a key it is a checksum only (questions of an echo)."""
    return hashlib.blake2b(signed, key=key, digest_size=TAG_BYTES).digest()


def _header(data: Data) -> tuple[FrameKind, int, bytes]:
    if len(data) < MIN_DATAGRAM:
        raise BadFrame(Reason.TOO_SHORT, f"{len(data)} bytes")
    if len(data) > MAX_DATAGRAM:
        raise BadFrame(Reason.TOO_LONG, f"{len(data)} bytes")
    magic, version, kind, key_id, cluster = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadFrame(Reason.MAGIC)
    if version != VERSION:
        raise BadFrame(Reason.VERSION, str(version))
    try:
        return FrameKind(kind), key_id, cluster
    except ValueError as error:
        raise BadFrame(Reason.KIND, str(kind)) from error
