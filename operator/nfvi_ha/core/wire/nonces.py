"""Start nonces of the three sentinel seats, as their correspondents repeat them.

A sentinel draws a random nonce when it starts. A frame that carries it was made after that start, so what was recorded
before is worthless: no counter has to survive the sentinel's restart.
"""

import struct
from typing import Final

from nfvi_ha.core.wire.body import Reader, Writer
from nfvi_ha.core.wire.errors import OutOfRange

SEATS: Final = 3
NONCES: Final = struct.Struct(">3Q")
Nonces = tuple[int, int, int]
"""By seat; 0 is not known (yet)."""
UNKNOWN: Final[Nonces] = (0, 0, 0)


def write_nonces(writer: Writer, nonces: Nonces) -> None:
    """Three numbers of 64 bits.

    Raises:
        OutOfRange: there are not three, or one has more than 64 bits.
    """
    if len(nonces) != SEATS:
        raise OutOfRange(f"nonces: {len(nonces)}, not {SEATS}")
    for seat, nonce in enumerate(nonces):
        writer.number(nonce, 8, f"nonce of seat {seat}")


def read_nonces(reader: Reader) -> Nonces:
    """Three numbers of 64 bits.

    Raises:
        BadFrame: they are not there.
    """
    found: Nonces = NONCES.unpack(reader.raw(NONCES.size))
    return found
