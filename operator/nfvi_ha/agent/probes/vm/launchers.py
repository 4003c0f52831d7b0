"""The virt-launcher processes of this node, one per pod: they say whose qemu it is; their death is the VM's ahead."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nfvi_ha.agent.probes.procfs import read_command_line
from nfvi_ha.agent.probes.vm.scan import Found
from nfvi_ha.agent.probes.watched_process import OpenPidfd, WatchedProcess
from nfvi_ha.core.vmprocess.command import LauncherCommand, read_launcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Launcher:
    """One of them."""

    pod: str
    command: LauncherCommand
    process: WatchedProcess


class Launchers:
    """By pod. ``on_end`` is told the pod and the wait status (None: not seen), in the turn in which it ends."""

    def __init__(self, procfs: Path, open_pidfd: OpenPidfd, on_end: Callable[[str, int | None], None]) -> None:
        self._procfs = procfs
        self._open_pidfd = open_pidfd
        self._on_end = on_end
        self._by_pod: dict[str, Launcher] = {}
        self._by_pid: dict[int, Launcher] = {}
        self._past: dict[str, LauncherCommand] = {}
        """Of launchers that ended while their VM's process ran on."""

    def watches(self, pid: int) -> bool:
        """Whether that process is one of them."""
        return pid in self._by_pid

    def command(self, pod: str) -> LauncherCommand | None:
        """What the command line of a pod's launcher said, also when it has ended."""
        launcher = self._by_pod.get(pod)
        return launcher.command if launcher is not None else self._past.get(pod)

    def adopt(self, found: Found) -> None:
        """Watch it, if it says which VM it serves."""
        try:
            command = read_launcher(read_command_line(self._procfs, found.stat.pid))
            if command is None or found.pod in self._by_pod:
                return
            process = WatchedProcess.open(self._procfs, found.stat.pid, found.stat.start, self._open_pidfd)
        except (OSError, ValueError) as error:
            log.warning("launcher not watched", extra={"pid": found.stat.pid, "error": str(error)})
            return
        if process is None:
            return
        launcher = Launcher(found.pod, command, process)
        self._by_pod[found.pod] = self._by_pid[process.pid] = launcher
        if process.pidfd is not None:
            asyncio.get_running_loop().add_reader(process.pidfd, self._ended, launcher)

    def poll(self) -> None:
        """Look at those that cannot be waited for."""
        for launcher in list(self._by_pid.values()):
            if launcher.process.pidfd is None and not launcher.process.calm():
                self._ended(launcher)

    def exited(self, pid: int, code: int) -> None:
        """The kernel told of a process' end."""
        launcher = self._by_pid.get(pid)
        if launcher is not None:
            self._end(launcher, code)

    def forget(self, pods: set[str]) -> None:
        """What was kept of pods that are not among these."""
        for pod in [pod for pod in self._past if pod not in pods]:
            del self._past[pod]

    def close(self) -> None:
        """Watch none any more."""
        for launcher in list(self._by_pid.values()):
            self._drop(launcher)

    def _ended(self, launcher: Launcher) -> None:
        try:
            stat = launcher.process.stat()
        except (OSError, ValueError) as error:
            log.warning("launcher not read", extra={"pid": launcher.process.pid, "error": str(error)})
            stat = None
        if stat is None:
            self._end(launcher, launcher.process.exit_code())
        elif stat.dying:
            self._end(launcher, stat.code)

    def _end(self, launcher: Launcher, code: int | None) -> None:
        self._drop(launcher)
        self._past[launcher.pod] = launcher.command
        self._on_end(launcher.pod, code)

    def _drop(self, launcher: Launcher) -> None:
        self._by_pod.pop(launcher.pod, None)
        self._by_pid.pop(launcher.process.pid, None)
        if launcher.process.pidfd is not None:
            asyncio.get_running_loop().remove_reader(launcher.process.pidfd)
        launcher.process.close()
