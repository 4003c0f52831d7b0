"""The keys of beats and votes, from the Secret that the operator makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECRET_NAME: Final = "nfvi-ha-beat-keys"  # noqa: S105 - the name of an object
VOTE_ENTRY: Final = "vote"
KEY_BYTES: Final = 32
_MASTER: Final = re.compile(r"master-(0|[1-9][0-9]{0,9})")
_MAX_KEY_ID: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """Master keys by id (the highest signs) and the key of votes. The repr shows no key."""

    masters: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    vote: bytes = field(default=b"", repr=False)
    """b"" when there is none."""
    rejected: tuple[str, ...] = ()
    """Entries that are no keys."""


def read_keys(entries: Mapping[str, bytes]) -> KeyMaterial:
    """The Secret's entries ``master-<id>`` and ``vote``, 32 bytes each; others are named as rejected, never used."""
    masters: dict[int, bytes] = {}
    rejected: list[str] = []
    vote = b""
    for name, value in entries.items():
        match = _MASTER.fullmatch(name)
        if len(value) != KEY_BYTES:
            rejected.append(name)
        elif name == VOTE_ENTRY:
            vote = value
        elif match is not None and int(match[1]) <= _MAX_KEY_ID:
            masters[int(match[1])] = value
        else:
            rejected.append(name)
    return KeyMaterial(masters, vote, tuple(sorted(rejected)))
