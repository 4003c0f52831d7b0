"""Searches the process table for qemu and virt-launcher."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nfvi_ha.agent.probes.procfs import Stat, read_stat
from nfvi_ha.agent.probes.turns import Turns
from nfvi_ha.agent.probes.vm.cgroups import Pods
from nfvi_ha.core.vmprocess.command import LAUNCHER, is_qemu

log = logging.getLogger(__name__)


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
    """Finds them among the processes of one hypervisor."""

    def __init__(self, procfs: Path, pods: Pods, *, outside_pods: bool = False) -> None:
        self._procfs = procfs
        self._pods = pods
        self._outside_pods = outside_pods
        self._turns = Turns()

    def scan(self, watched: Callable[[int], bool], *, everything: bool = False) -> list[Found]:
        """Processes of VMs that are not watched yet; with ``everything`` each process is read.

        Raises:
            OSError: the process table cannot be listed.
        """
        chosen = self._turns.choose(self._pods.pids(), everything=everything)
        return self._read(pid for pid in chosen if not watched(pid))

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
