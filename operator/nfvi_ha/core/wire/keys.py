"""Keys: each node has its own, derived from a master that only sentinels and operator hold (DESIGN, Keys)."""

import hashlib
from typing import Final

from nfvi_ha.core.wire.errors import OutOfRange

KEY_BYTES: Final = 32
VOTE_KEY_ID: Final = 0
"""Key id of frames between sentinels when there is one vote key only."""
_PERSON: Final = b"nfvi-ha node key"
_MASTER_BYTES: Final = range(16, 65)


def node_key(master: bytes, node: str, key_id: int) -> bytes:
    """32 bytes that only this node and the holders of the master know; another key id gives another key.

    Rotation without a gap: receivers first learn the new master beside the old one, then nodes get the new key; a
    receiver takes whatever key id it has a master for.

    Raises:
        OutOfRange: the master has less than 16 or more than 64 bytes, or the key id is none of 32 bits.
    """
    if len(master) not in _MASTER_BYTES:
        raise OutOfRange(f"master key: {len(master)} bytes, not 16 to 64")
    if not 0 <= key_id <= 0xFFFF_FFFF:
        raise OutOfRange(f"key id: {key_id}")
    text = key_id.to_bytes(4, "big") + node.encode()
    return hashlib.blake2b(text, key=master, digest_size=KEY_BYTES, person=_PERSON).digest()
