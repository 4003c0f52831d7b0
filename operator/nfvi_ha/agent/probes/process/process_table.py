"""The processes of the hypervisor, as far as the watch list matches by them: read once, kept as long as they live."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nfvi_ha.agent.probes.procfs import list_pids, read_command_line, read_stat
from nfvi_ha.agent.probes.turns import Turns
from nfvi_ha.core.hostprocess.matching import ProcessInfo, process_info

log = logging.getLogger(__name__)


class ProcessTable:
    """Of all processes, or of those that ``ours`` lets in by their pid."""

    def __init__(self, procfs: Path, ours: Callable[[int], bool] = lambda _pid: True) -> None:
        self._procfs = procfs
        self._ours = ours
        self._turns = Turns()
        self._known: dict[int, ProcessInfo] = {}

    @property
    def processes(self) -> Mapping[int, ProcessInfo]:
        """Those that are ours, by pid."""
        return self._known

    def scan(self, *, everything: bool = False) -> set[int]:
        """Bring it up to date; returns the pids that came, went or changed.

        Raises:
            OSError: the process table cannot be listed.
        """
        pids = list_pids(self._procfs)
        changed = {pid for pid in self._known if pid not in pids}
        for pid in changed:
            del self._known[pid]
        for pid in self._turns.choose(pids, everything=everything):
            before, now = self._known.get(pid), self._read(pid)
            if now is not None:
                self._known[pid] = now
            elif before is not None:
                del self._known[pid]
            if now != before:
                changed.add(pid)
        return changed

    def drop(self, pid: int) -> None:
        """It ended, though it may still be in the table until its parent has waited for it."""
        self._known.pop(pid, None)

    def _read(self, pid: int) -> ProcessInfo | None:
        try:
            stat = read_stat(self._procfs, pid)
            if stat is None or stat.dying or not self._ours(pid):
                return None
            words = read_command_line(self._procfs, pid)
            cgroup = Path(f"{self._procfs}/{pid}/cgroup").read_text(errors="replace")
        except (OSError, ValueError) as error:
            log.debug("process not read", extra={"pid": pid, "error": str(error)})
            return None
        return process_info(pid, stat.start, stat.parent, stat.comm, self._executable(pid), words, cgroup)

    def _executable(self, pid: int) -> str:
        try:
            return os.readlink(f"{self._procfs}/{pid}/exe")
        except OSError:
            return ""  # a kernel thread, or one that we may not trace


def in_own_group(pid: int) -> bool:
    """Whether a process is in our process group, as all of a simulated hypervisor is."""
    try:
        return os.getpgid(pid) == os.getpgrp()
    except ProcessLookupError:
        return False


def in_session(procfs: Path) -> bool:
    """Whether we are in the session of a user ourselves."""
    try:
        cgroup = Path(f"{procfs}/self/cgroup").read_text(errors="replace")
    except OSError:
        return False
    return process_info(0, 0, 0, "", "", (), cgroup).in_session
