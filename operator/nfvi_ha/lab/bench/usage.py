"""CPU time and memory of a process, from /proc."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process had used at one moment."""

    cpu_seconds: float
    """Time on a processor of its threads that live, in nanoseconds' steps; without the kernel's accounting of that
    (CONFIG_SCHED_INFO), user and system time in steps of 10 ms."""
    rss_mb: float
    peak_rss_mb: float
    """Since its start."""

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Of a running process.

        Raises:
            OSError: there is none with that id.
        """
        return cls(
            cpu_seconds=_scheduled_seconds(pid) or _ticked_seconds(pid),
            rss_mb=_status_kb(pid, "VmRSS") / 1024,
            peak_rss_mb=_status_kb(pid, "VmHWM") / 1024,
        )


def _scheduled_seconds(pid: int) -> float:
    """From the scheduler's own clock; 0 where the kernel keeps none."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def _ticked_seconds(pid: int) -> float:
    # The name may hold spaces and brackets; the fields begin after the last bracket, with field 3 of proc(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def _status_kb(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    return 0
