"""Searches the process table for qemu and virt-launcher.

Reading every process each second would cost more than all the rest of the probe. So only those are read that are new,
that are young (a process gets its name by exec, some time after it got its pid), or whose turn it is: each is read
again every half minute, in case its pid changed hands between two searches.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.procfs import Stat, read_stat
from nfvi_ha.agent.probes.vm.cgroups import Pods
from nfvi_ha.core.vmprocess.command import LAUNCHER, is_qemu

log = logging.getLogger(__name__)

TURNS: Final = 30
YOUNG_SCANS: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A process that belongs to a VM."""

    stat: Stat
    pod: str
    """Uid; "" for one in no pod."""

    @property
    def is_qemu(self) -> bool:
        """Else it is a virt-launcher."""
        return is_qemu(self.stat.comm)


class Scanner:
    """Remembers which pids it has looked at."""

    def __init__(self, procfs: Path, pods: Pods, *, outside_pods: bool = False) -> None:
        self._procfs = procfs
        self._pods = pods
        self._outside_pods = outside_pods
        self._scans_of: dict[int, int] = {}
        """By pid: in how many scans it has been seen."""
        self._turn = 0

    def scan(self, watched: Callable[[int], bool], *, everything: bool = False) -> list[Found]:
        """Processes of VMs that are not watched yet; with ``everything`` each process is read.

        Raises:
            OSError: the process table cannot be listed.
        """
        pids = self._pods.pids()
        seen = self._scans_of
        self._scans_of = {pid: seen.get(pid, 0) + 1 for pid in pids}
        self._turn = (self._turn + 1) % TURNS
        chosen = (
            pid
            for pid, scans in self._scans_of.items()
            if (everything or scans <= YOUNG_SCANS or pid % TURNS == self._turn) and not watched(pid)
        )
        return self._read(chosen)

    def look(self, pid: int) -> list[Found]:
        """A process that has just been given a name, if it is one of a VM.

        Raises:
            OSError: the process table cannot be listed.
        """
        stat = self._stat(pid)
        if stat is None or not _of_a_vm(stat):
            return []
        self._pods.pids()
        return self._read((pid,))

    def _read(self, pids: Iterable[int]) -> list[Found]:
        found = []
        for pid in pids:
            stat = self._stat(pid)
            if stat is None or not _of_a_vm(stat):
                continue
            pod = self._pods.pod_of(pid)
            if pod or (self._outside_pods and is_qemu(stat.comm)):
                found.append(Found(stat, pod))
        return found

    def _stat(self, pid: int) -> Stat | None:
        try:
            return read_stat(self._procfs, pid)
        except (OSError, ValueError) as error:
            log.debug("process not read", extra={"pid": pid, "error": str(error)})
            return None


def _of_a_vm(stat: Stat) -> bool:
    return is_qemu(stat.comm) or stat.comm == LAUNCHER
