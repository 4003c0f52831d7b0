"""A planned stop, announced: repeated in each beat period until two seats have accepted it. It is never evidence."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nfvi_ha.core.wire.body import Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import UNKNOWN, Nonces, read_nonces, write_nonces


class GoodbyeReason(StrEnum):
    """Why the agent stops."""

    UPGRADE = "upgrade"
    REBOOT = "reboot"
    STOP = "stop"


_CODES: Final = {GoodbyeReason.UPGRADE: 1, GoodbyeReason.REBOOT: 2, GoodbyeReason.STOP: 3}
_REASON_OF: Final = {code: reason for reason, code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The agent will be silent for so long."""

    node: str
    boot_id: str
    incarnation: int
    sequence: int
    """Grows with every goodbye of an incarnation; the beats' counter will do."""
    reason: GoodbyeReason
    seconds: int
    """16 bits; the policy's bound for this reason counts if it is shorter."""
    nonces: Nonces = UNKNOWN


def encode_goodbye(goodbye: Goodbye, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    if not goodbye.boot_id:
        raise OutOfRange("boot_id: a goodbye without")
    writer = Writer().name(goodbye.node, "node").uuid(goodbye.boot_id, "boot_id")
    writer.number(goodbye.incarnation, 8, "incarnation").number(goodbye.sequence, 8, "sequence")
    writer.number(_CODES[goodbye.reason], 1, "reason").number(goodbye.seconds, 2, "seconds")
    write_nonces(writer, goodbye.nonces)
    return seal(FrameKind.GOODBYE, writer.done(), key, key_id, cluster)


def decode_goodbye(data: Data, key: bytes, cluster: bytes | None = None) -> Goodbye:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.GOODBYE, key, cluster))
    node, boot_id, incarnation, sequence = reader.name(), reader.uuid(), reader.number(8), reader.number(8)
    code = reader.number(1)
    if code not in _REASON_OF:
        raise BadFrame(Reason.BODY, f"goodbye for reason {code}")
    seconds, nonces = reader.number(2), read_nonces(reader)
    reader.end()
    return Goodbye(node, boot_id, incarnation, sequence, _REASON_OF[code], seconds, nonces)
