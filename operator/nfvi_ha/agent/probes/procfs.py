"""What /proc says of a process: its stat line, command line and start time (man 5 proc).

Facts about /proc/<pid>/stat, seen on Linux 6.18 and read in fs/proc/array.c: with PF_EXITING the exit code (field 52)
is already there, hundreds of milliseconds before the process can be waited for; the line of the whole process shows it
as soon as a fatal signal is on its way, while its threads still run. It is shown only to those who may trace the
process (CAP_SYS_PTRACE for another user's); to others it is 0, and start_code (field 26) is 1.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PF_EXITING: Final = 0x4
PF_DUMPCORE: Final = 0x200
ENDED_STATES: Final = frozenset("ZXx")
STOPPED_STATES: Final = frozenset("Tt")
UNINTERRUPTIBLE: Final = "D"
STAT_BYTES: Final = 1024
_FIELDS: Final = 50
_NOT_PERMITTED: Final = b"1"


@dataclass(frozen=True, slots=True)
class Stat:
    """One reading of a process' stat line."""

    pid: int
    comm: str
    state: str
    parent: int
    flags: int
    start: int
    """Start time in clock ticks since boot: with the pid it names one process for ever."""
    code: int | None
    """As wait() would give it, 0 while it runs (the stop signal while it is stopped); None: we may not see it."""

    @property
    def dumping(self) -> bool:
        """It writes a core dump."""
        return bool(self.flags & PF_DUMPCORE)

    @property
    def dying(self) -> bool:
        """It ended, is ending, or has a fatal signal on its way; nothing turns that back."""
        if self.flags & (PF_EXITING | PF_DUMPCORE) or self.state in ENDED_STATES:
            return True
        return bool(self.code) and self.state not in STOPPED_STATES

    @property
    def ended(self) -> bool:
        """Its leader ended: what its exit code is now it remains."""
        return self.state in ENDED_STATES


def parse_stat(line: bytes) -> Stat:
    """A stat line; the name in it may hold anything, blanks and parentheses too.

    Raises:
        ValueError: it is not one.
    """
    opening, closing = line.find(b"("), line.rfind(b")")
    fields = line[closing + 2 :].split()
    if opening < 0 or closing < opening or len(fields) < _FIELDS:
        raise ValueError(f"not a stat line: {line[:80]!r}")
    readable = fields[23] != _NOT_PERMITTED
    return Stat(
        pid=int(line[:opening]),
        comm=line[opening + 1 : closing].decode(errors="replace"),
        state=fields[0].decode(errors="replace"),
        parent=int(fields[1]),
        flags=int(fields[6]),
        start=int(fields[19]),
        code=int(fields[49]) if readable else None,
    )


def read_stat(procfs: Path, pid: int) -> Stat | None:
    """The stat of a process; None if there is none of that pid.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no stat line.
    """
    try:
        fd = os.open(f"{procfs}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        return parse_stat(os.read(fd, STAT_BYTES))
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)


def read_command_line(procfs: Path, pid: int) -> tuple[str, ...]:
    """The words of its command line; none for a process that has ended.

    Raises:
        OSError: it cannot be read, e.g. because it is gone.
    """
    raw = Path(f"{procfs}/{pid}/cmdline").read_bytes()
    return tuple(word.decode(errors="replace") for word in raw.rstrip(b"\0").split(b"\0")) if raw else ()


def list_pids(procfs: Path) -> set[int]:
    """All processes.

    Raises:
        OSError: there is no procfs.
    """
    return {int(name) for name in os.listdir(procfs) if name.isdecimal()}


def age_seconds(start: int) -> float:
    """Since a process with that start time was started."""
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - start / os.sysconf("SC_CLK_TCK"))
