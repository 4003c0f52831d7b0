"""CPU time and memory of a process, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process had used at one moment."""

    cpu_seconds: float
    """User and system time, in steps of 10 ms."""
    rss_mb: float
    peak_rss_mb: float
    """Since its start."""

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Of a running process.

        Raises:
            OSError: there is none with that id.
        """
        # The name may hold spaces and brackets; the fields begin after the last bracket, with field 3 of proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return cls(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND,
            rss_mb=_status_kb(pid, "VmRSS") / 1024,
            peak_rss_mb=_status_kb(pid, "VmHWM") / 1024,
        )


def _status_kb(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    return 0
