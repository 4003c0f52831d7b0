"""One process that is watched: by a kept descriptor of its stat line and by a pidfd, so that no other can be meant."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes import pidfd
from nfvi_ha.agent.probes.procfs import PF_DUMPCORE, PF_EXITING, STAT_BYTES, Stat, parse_stat

_DYING: Final = PF_EXITING | PF_DUMPCORE
_CALM: Final = frozenset((b"S", b"R", b"I"))

OpenPidfd = Callable[[int], int | None]


class WatchedProcess:
    """Open from ``open`` to ``close``. The descriptors go on naming the same process when its pid is used again."""

    def __init__(self, first: Stat, stat_fd: int, process_fd: int | None) -> None:
        self.pid = first.pid
        self.start = first.start
        self.first = first
        self.pidfd = process_fd
        self._stat_fd = stat_fd

    @classmethod
    def open(
        cls, procfs: Path, pid: int, start: int, open_pidfd: OpenPidfd = pidfd.open_pidfd
    ) -> "WatchedProcess | None":
        """None if that process (pid and start time) is gone.

        Raises:
            OSError: it cannot be watched.
            ValueError: procfs shows no stat line.
        """
        try:
            stat_fd = os.open(f"{procfs}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            return None
        process_fd = None
        try:
            process_fd = open_pidfd(pid)
            # Read after the pidfd was opened: if it is still the same process, then so is that of the pidfd.
            first = parse_stat(os.pread(stat_fd, STAT_BYTES, 0))
            if first.start == start:
                return cls(first, stat_fd, process_fd)
        except ProcessLookupError:
            pass
        except BaseException:
            _close(stat_fd, process_fd)
            raise
        _close(stat_fd, process_fd)
        return None

    def calm(self) -> bool:
        """Whether it runs or sleeps as it should. Made for 20 looks a second at each of a hundred processes."""
        try:
            line = os.pread(self._stat_fd, STAT_BYTES, 0)
        except OSError:
            return False
        fields = line[line.rfind(b")") + 2 :].split(b" ", 7)
        # The exit code is the last field of today's kernels; on one with more this is slower, not wrong.
        return len(fields) > 7 and fields[0] in _CALM and not int(fields[6]) & _DYING and line.endswith(b" 0\n")

    def stat(self) -> Stat | None:
        """Its stat now; None once it was waited for.

        Raises:
            OSError, ValueError: procfs cannot be read.
        """
        try:
            stat = parse_stat(os.pread(self._stat_fd, STAT_BYTES, 0))
        except ProcessLookupError:
            return None
        return stat if stat.start == self.start else None

    def exit_code(self) -> int | None:
        """Its wait status after it was waited for, where the kernel keeps it."""
        return pidfd.exit_code(self.pidfd) if self.pidfd is not None else None

    def close(self) -> None:
        """Watch it no more."""
        _close(self._stat_fd, self.pidfd)


def _close(*descriptors: int | None) -> None:
    for descriptor in descriptors:
        if descriptor is not None:
            os.close(descriptor)
