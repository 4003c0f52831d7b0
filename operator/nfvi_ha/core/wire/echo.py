"""UDP echo: proof that the agent's beat process runs, asked for by sentinels and peers.

Question and reply have the same length, at least 64 bytes. A question is not signed, for a peer has no key of the node
it asks: its tag is a checksum. The reply is signed over the question's random nonce; a sentinel verifies that, a peer
compares the nonce only, which somebody off the path cannot guess.
"""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.wire.body import Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, Reason
from nfvi_ha.core.wire.frame import (
    HEADER_BYTES,
    MAX_DATAGRAM,
    MIN_DATAGRAM,
    TAG_BYTES,
    FrameKind,
    peek,
    seal,
    unseal,
)

MIN_ECHO: Final = 64
"""Bytes of a datagram."""
_NO_KEY: Final = b""


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """Are you there?"""

    node: str
    """Who is asked."""
    nonce: int
    """64 random bits."""


@dataclass(frozen=True, slots=True)
class EchoReply:
    """I am."""

    node: str
    """Who answers."""
    nonce: int
    """Of the question."""


def encode_echo_request(request: EchoRequest, cluster: bytes) -> bytes:
    """To a datagram of at least 64 bytes.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    return seal(FrameKind.ECHO_REQUEST, _body(request.node, request.nonce), _NO_KEY, 0, cluster)


def decode_echo_request(data: Data, cluster: bytes | None = None) -> EchoRequest:
    """From a datagram. Nothing proves who sent it.

    Raises:
        BadFrame: it is malformed.
    """
    return EchoRequest(*_fields(unseal(data, FrameKind.ECHO_REQUEST, _NO_KEY, cluster)))


def encode_echo_reply(reply: EchoReply, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram, exactly as long as the question it answers.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    return seal(FrameKind.ECHO_REPLY, _body(reply.node, reply.nonce), key, key_id, cluster)


def decode_echo_reply(data: Data, key: bytes | None, cluster: bytes | None = None) -> EchoReply:
    """From a datagram; without a key (a peer's case) only the nonce, which the caller compares, speaks for it.

    Raises:
        BadFrame: it is not authentic (where a key is given), or malformed.
    """
    if key is not None:
        return EchoReply(*_fields(unseal(data, FrameKind.ECHO_REPLY, key, cluster)))
    header = peek(data)
    if header.kind is not FrameKind.ECHO_REPLY:
        raise BadFrame(Reason.KIND, header.kind.name)
    if cluster is not None and header.cluster != cluster:
        raise BadFrame(Reason.CLUSTER)
    return EchoReply(*_fields(bytes(data[HEADER_BYTES:-TAG_BYTES])))


def _body(node: str, nonce: int) -> bytes:
    return Writer().name(node, "node").number(nonce, 8, "nonce").padded(MIN_ECHO - MIN_DATAGRAM).done()


def _fields(body: bytes) -> tuple[str, int]:
    """Node and nonce; only the padding that the encoder makes may follow, so a reply is never longer."""
    if len(body) > MAX_DATAGRAM - MIN_DATAGRAM or len(body) < MIN_ECHO - MIN_DATAGRAM:
        raise BadFrame(Reason.BODY, f"an echo of {len(body) + MIN_DATAGRAM} bytes")
    reader = Reader(body)
    node, nonce = reader.name(), reader.number(8)
    reader.zeros()
    if len(body) != max(MIN_ECHO - MIN_DATAGRAM, 1 + len(node.encode()) + 8):
        raise BadFrame(Reason.BODY, "an echo with needless padding")
    return node, nonce
