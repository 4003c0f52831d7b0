"""One entry of the watch list: its processes, the questions to them, and its faults in the table."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from nfvi_ha.agent.faults import FaultKey, FaultTable, Observed
from nfvi_ha.agent.probes.process.checks.asking import Outcome, ask
from nfvi_ha.agent.probes.process.checks.question import UNSUPPORTED, Question
from nfvi_ha.agent.probes.procfs import STOPPED_STATES, UNINTERRUPTIBLE, Stat, age_seconds
from nfvi_ha.agent.probes.watched_process import OpenPidfd, WatchedProcess
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.hostprocess.health import Finding, ProcessHealth
from nfvi_ha.core.hostprocess.matching import ProcessInfo
from nfvi_ha.core.vmprocess.ending import Exit

log = logging.getLogger(__name__)


class Daemon:
    """``on_end`` is told the pid of a process of it that ended."""

    def __init__(
        self,
        health: ProcessHealth,
        question: Question | None,
        procfs: Path,
        table: FaultTable,
        on_end: Callable[[int], None],
        open_pidfd: OpenPidfd,
    ) -> None:
        self.spec = health.spec
        self.health = health
        self.fitting: dict[int, ProcessInfo] = {}
        """Processes that fit the entry."""
        self.outcome = Outcome()
        """Of the last question."""
        self._question = question
        self._procfs = procfs
        self._table = table
        self._on_end = on_end
        self._open_pidfd = open_pidfd
        self._processes: dict[int, WatchedProcess] = {}
        self._told: dict[FaultKind, Finding] = {}
        self._there = asyncio.Event()

    @property
    def count(self) -> int:
        """How many processes of it are there."""
        return len(self._processes)

    def sync(self, mains: Iterable[ProcessInfo]) -> None:
        """These are its processes now."""
        fresh = None
        for info in mains:
            known = self._processes.get(info.pid)
            if (known is None or known.start != info.start) and self._open(info):
                fresh = age_seconds(info.start)
        self.health.there(self._now(), len(self._processes), fresh=fresh)
        self.tell()

    def look(self) -> None:
        """Look whether its processes run."""
        standing = ""
        for process in tuple(self._processes.values()):
            if process.calm():
                continue
            stat = self._stat(process)
            if stat is None:
                continue
            if stat.state in STOPPED_STATES:
                standing = "T"
            elif stat.state == UNINTERRUPTIBLE:
                standing = standing or "D"
        if standing:
            self.health.stands(self._now(), standing)
        else:
            self.health.runs()
        self.tell()

    async def ask_on(self, period: float, timeout: float, is_slow: Callable[[], bool]) -> None:
        """Ask for ever, if there is a way to."""
        if self._question is None:
            return
        loop = asyncio.get_running_loop()
        while True:
            await self._there.wait()
            process, began = next(iter(self._processes.values())), loop.time()
            self.outcome = await ask(self._question, process.pid, timeout)
            if self._processes.get(process.pid) is process:
                self._heard(is_slow())
            await asyncio.sleep(max(0.0, began + period - loop.time()))

    def tell(self) -> None:
        """Bring its faults in the table up to date."""
        found = self.health.faults(self._now())
        if found == self._told:
            return
        for kind in self._told.keys() - found.keys():
            self._table.clear(FaultKey(kind, self.spec.component))
            log.info("process is well again", extra={"daemon": self.spec.name, "kind": kind.value})
        for kind, finding in found.items():
            if self._told.get(kind) == finding:
                continue
            observed = Observed(
                kind, finding.cause, self.spec.severity, component=self.spec.component, detail=finding.detail
            )
            self._table.put(FaultKey(kind, self.spec.component), observed)
            log.warning("process is not well", extra={"daemon": self.spec.name, "kind": kind.value, **_told(finding)})
        self._told = found

    def close(self, *, clear: bool) -> None:
        """Watch it no more; with ``clear`` nor are its faults any of ours."""
        for process in tuple(self._processes.values()):
            self._drop(process)
        if clear:
            for kind in self._told:
                self._table.clear(FaultKey(kind, self.spec.component))

    def _open(self, info: ProcessInfo) -> bool:
        try:
            process = WatchedProcess.open(self._procfs, info.pid, info.start, self._open_pidfd)
        except (OSError, ValueError) as error:
            log.warning("process not watched", extra={"daemon": self.spec.name, "error": str(error)})
            return False
        if process is None:
            return False
        if process.first.dying:
            process.close()
            return False
        if (before := self._processes.get(info.pid)) is not None:
            self._drop(before)
        self._processes[info.pid] = process
        self._there.set()
        if process.pidfd is not None:
            asyncio.get_running_loop().add_reader(process.pidfd, self._ended, process)
        log.info("process watched", extra={"daemon": self.spec.name, "pid": info.pid})
        return True

    def _ended(self, process: WatchedProcess) -> None:
        if self._stat(process) is not None:
            return  # its leader ended and other threads did not: it is not over, and the descriptor is not readable
        self.tell()

    def _stat(self, process: WatchedProcess) -> Stat | None:
        """None if it has ended, which is noted, or if it cannot be read now."""
        try:
            stat = process.stat()
        except (OSError, ValueError) as error:
            log.debug("process not read", extra={"daemon": self.spec.name, "error": str(error)})
            return None
        if stat is not None and not stat.dying:
            return stat
        code = stat.code if stat is not None else process.exit_code()
        self._drop(process)
        ending = Exit(code) if code is not None else None
        how = f"pid {process.pid} ended: {ending if ending is not None else 'exit code not seen'}"
        self.health.died(self._now(), how, killed=ending is not None and bool(ending.signal))
        self._on_end(process.pid)
        return None

    def _heard(self, slow: bool) -> None:
        outcome = self.outcome
        if not outcome.reason:
            self.health.answered()
        elif outcome.reason != UNSUPPORTED:
            self.health.silent(self._now(), outcome.detail, slow=slow or outcome.slow)
        self.tell()

    def _drop(self, process: WatchedProcess) -> None:
        if self._processes.get(process.pid) is process:
            del self._processes[process.pid]
        if not self._processes:
            self._there.clear()
        self.fitting.pop(process.pid, None)
        if process.pidfd is not None:
            asyncio.get_running_loop().remove_reader(process.pidfd)
        process.close()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _told(finding: Finding) -> dict[str, str]:
    return {"cause": finding.cause, "detail": finding.detail}
