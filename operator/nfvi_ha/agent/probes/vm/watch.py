"""The watch over all qemu processes of this node: finds them, looks at them, and hands on what it sees."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes import pidfd
from nfvi_ha.agent.probes.procfs import read_command_line
from nfvi_ha.agent.probes.vm.endings import Endings
from nfvi_ha.agent.probes.vm.guest import Guest
from nfvi_ha.agent.probes.vm.launchers import Launchers
from nfvi_ha.agent.probes.vm.scan import Found, Scanner
from nfvi_ha.agent.probes.vm.standing import StandingVms
from nfvi_ha.agent.probes.vm.vm_cache import VmCache
from nfvi_ha.agent.probes.watched_process import OpenPidfd, WatchedProcess
from nfvi_ha.core.vmprocess.command import read_qemu
from nfvi_ha.core.vmprocess.identity import identify, identify_outside

log = logging.getLogger(__name__)

_CODES_KEPT: Final = 256


class VmWatch:
    """All of one event loop. ``on_change`` is called when the set of VMs changed, or what is known of one."""

    def __init__(
        self,
        procfs: Path,
        scanner: Scanner,
        cache: VmCache,
        endings: Endings,
        standing: StandingVms,
        on_change: Callable[[], None],
        open_pidfd: OpenPidfd = pidfd.open_pidfd,
    ) -> None:
        self._procfs = procfs
        self._scanner = scanner
        self._cache = cache
        self._endings = endings
        self._standing = standing
        self._on_change = on_change
        self._open_pidfd = open_pidfd
        self._launchers = Launchers(procfs, open_pidfd, self._launcher_ended)
        self._live: dict[int, Guest] = {}
        self._gone: list[Guest] = []
        """Those without their proof, or not decided yet."""
        self._earlier: dict[tuple[int, int], Guest] = {}
        """What an earlier process of the agent knew, until the first search."""
        self.to_search = True
        """Whether the whole table is to be searched: for what is gone may have left another qemu behind."""
        self._codes: dict[int, int] = {}
        """Wait statuses by pid, as the kernel told them lately."""

    @property
    def live(self) -> Iterable[Guest]:
        """The VMs whose process exists."""
        return self._live.values()

    @property
    def open(self) -> list[Guest]:
        """These, and those that are gone and not done with."""
        return [*self._live.values(), *self._gone, *self._earlier.values()]

    def expect(self, guests: Iterable[Guest]) -> list[Guest]:
        """Search for the first time, knowing of these VMs; returns those that are there no more.

        Raises:
            OSError: the process table cannot be listed.
        """
        self._earlier = {(guest.pid, guest.start): guest for guest in guests}
        self.scan()
        missing, self._earlier = list(self._earlier.values()), {}
        self._gone += missing
        return missing

    def scan(self, *, everything: bool = False) -> None:
        """Search for VMs that are new, and learn whose those are that are not identified.

        Raises:
            OSError: the process table cannot be listed.
        """
        self._adopt(self._scanner.scan(self._watches, everything=everything))
        self._launchers.forget({guest.pod for guest in self.open})
        if everything:
            self.to_search = False

    def execed(self, pid: int) -> None:
        """A process has just been given its name."""
        if not self._watches(pid):
            self._adopt(self._scanner.look(pid))

    def exited(self, pid: int, code: int) -> None:
        """The kernel told how a process ended."""
        guest = self._live.get(pid)
        if guest is not None:
            self._codes[pid] = code
            while len(self._codes) > _CODES_KEPT:
                del self._codes[next(iter(self._codes))]
            self._endings.ended(guest, code, self._now())
        self._launchers.exited(pid, code)

    def poll(self) -> None:
        """Look at every VM once."""
        for guest in tuple(self._live.values()):
            if guest.process is not None and guest.process.calm():
                if guest.standing is not None:
                    self._standing.runs(guest)
            else:
                self._look(guest)
        self._launchers.poll()

    def settle(self) -> None:
        """Prove what is gone: no qemu may be left in its pod. To be called often; does nothing before a search."""
        if not self._gone or self.to_search:
            return
        for guest in tuple(self._gone):
            if not guest.proof and not any(guest.pod and other.pod == guest.pod for other in self._live.values()):
                self._endings.prove(guest)
            if guest.proof and guest.cases and not guest.pending:
                self._gone.remove(guest)
                self._on_change()

    def learned(self, uid: str) -> None:
        """The cache knows more of a VM; "" of any."""
        for guest in self.open:
            if guest.identity is None or not uid or guest.identity.uid == uid:
                self._identify(guest)
                self._endings.learned(guest, self._now())
        self._on_change()

    def close(self) -> None:
        """Watch nothing any more."""
        self._launchers.close()
        self._endings.close()
        for guest in tuple(self._live.values()):
            self._unwatch(guest)

    def _adopt(self, found: Iterable[Found]) -> None:
        # Launchers first: they say whose the qemu in their pod is.
        for each in sorted(found, key=lambda each: each.is_qemu):
            if each.is_qemu:
                self._adopt_qemu(each)
            else:
                self._launchers.adopt(each)
        for guest in self._live.values():
            if guest.identity is None:
                self._identify(guest)

    def _adopt_qemu(self, found: Found) -> None:
        try:
            process = WatchedProcess.open(self._procfs, found.stat.pid, found.stat.start, self._open_pidfd)
        except (OSError, ValueError) as error:
            log.warning("qemu not watched", extra={"pid": found.stat.pid, "error": str(error)})
            return
        if process is None:
            return
        guest = self._earlier.pop((process.pid, process.start), None)
        if guest is None:
            guest = Guest(process.pid, process.start, found.pod, process)
        guest.process, guest.gone = process, False
        self._live[guest.pid] = guest
        self._identify(guest)
        if process.pidfd is not None:
            asyncio.get_running_loop().add_reader(process.pidfd, self._pidfd_readable, guest)
        log.info("VM watched", extra={"vm": guest.label, "pid": guest.pid, "pod": guest.pod})
        self._on_change()

    def _identify(self, guest: Guest) -> None:
        if guest.command is None and guest.process is not None:
            try:
                guest.command = read_qemu(read_command_line(self._procfs, guest.pid))
            except OSError:
                guest.command = None  # it has ended; what is known of its pod must do
        if guest.identity is None:
            launcher, command = self._launchers.command(guest.pod), guest.command
            uid = self._cache.vm_of_pod(guest.pod) if launcher is None and guest.pod else ""
            if not uid and command is not None and launcher is None:
                named = self._cache.vm_named(command.namespace, command.name)
                uid = named.uid if named is not None and not named.gone else ""
            guest.identity = identify(command, launcher, uid) if guest.pod else identify_outside(command)
            if guest.identity is not None:
                self._on_change()
        known = self._cache.vm(guest.identity.uid) if guest.identity is not None else None
        if known is not None:
            guest.vnf, guest.slot = known.vnf, known.slot

    def _pidfd_readable(self, guest: Guest) -> None:
        if guest.process is not None and guest.process.pidfd is not None:
            asyncio.get_running_loop().remove_reader(guest.process.pidfd)
        self._look(guest)

    def _look(self, guest: Guest) -> None:
        process = guest.process
        if process is None:
            return
        try:
            stat = process.stat()
        except (OSError, ValueError) as error:
            # Not a sign of death: procfs itself is in disorder. The pidfd still tells of an end.
            if not guest.unreadable:
                guest.unreadable = True
                log.warning("qemu not read", extra={"vm": guest.label, "pid": guest.pid, "error": str(error)})
            return
        if stat is None:
            self._went(guest)
        elif stat.dying:
            self._standing.runs(guest)
            self._endings.sign(guest, stat, self._now())
        else:
            self._standing.see(guest, stat, self._now())

    def _went(self, guest: Guest) -> None:
        code = guest.process.exit_code() if guest.process is not None else None
        code = self._codes.pop(guest.pid, None) if code is None else code
        self._standing.runs(guest)
        self._unwatch(guest)
        guest.gone = self.to_search = True
        self._gone.append(guest)
        self._endings.ended(guest, code, self._now())
        self._on_change()

    def _unwatch(self, guest: Guest) -> None:
        self._live.pop(guest.pid, None)
        if guest.process is not None:
            if guest.process.pidfd is not None:
                asyncio.get_running_loop().remove_reader(guest.process.pidfd)
            guest.process.close()
            guest.process = None

    def _launcher_ended(self, pod: str, code: int | None) -> None:
        for guest in tuple(self._live.values()):
            if guest.pod == pod:
                self._endings.launcher_ended(guest, code, self._now())

    def _watches(self, pid: int) -> bool:
        return pid in self._live or self._launchers.watches(pid)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
