"""One record of /dev/kmsg (Linux, Documentation/ABI/testing/dev-kmsg)."""

import re
from dataclasses import dataclass
from typing import Final

_ESCAPED: Final = re.compile(r"\\x([0-9a-fA-F]{2})")
KERNEL: Final = 0
"""The kernel's own facility. The kernel forces what programs write to another one, so they cannot forge it."""


@dataclass(frozen=True, slots=True)
class KmsgRecord:
    """``prefix,sequence,microseconds,flags;text``, and lines of a dictionary behind it."""

    level: int
    facility: int
    sequence: int
    at_seconds: float
    """Since boot, by a clock that is close to CLOCK_MONOTONIC."""
    fragment: bool
    """One of several that make a line (flag ``c``)."""
    text: str


def parse(raw: bytes) -> KmsgRecord | None:
    """The record; None for anything else."""
    head, found, rest = raw.partition(b";")
    fields = head.split(b",")
    if not found or len(fields) < 4 or not all(each.isdigit() and len(each) < 20 for each in fields[:3]):
        return None
    prefix, sequence, microseconds = (int(each) for each in fields[:3])
    # Behind the first line is a dictionary (" DEVICE=+pci:0000:3b:00.0"); lines name their device themselves.
    line_text = rest.partition(b"\n")[0].decode(errors="replace")
    if "\\x" in line_text:
        line_text = _ESCAPED.sub(lambda matched: chr(int(matched[1], 16)), line_text)
    fragment = fields[3].strip() == b"c"
    return KmsgRecord(prefix & 7, prefix >> 3, sequence, microseconds / 1e6, fragment, line_text)
