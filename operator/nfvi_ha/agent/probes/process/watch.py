"""All entries of the watch list together: searched for in one pass, looked at in one pass, asked each by itself."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.probes import pidfd
from nfvi_ha.agent.probes.process.checks.asking import question_of
from nfvi_ha.agent.probes.process.daemon import Daemon
from nfvi_ha.agent.probes.process.process_table import ProcessTable
from nfvi_ha.agent.probes.process.seen import Seen
from nfvi_ha.agent.probes.process.settings import LOOPBACK, ProcessProbeSettings
from nfvi_ha.agent.probes.watched_process import OpenPidfd
from nfvi_ha.core.hostprocess.health import ProcessHealth
from nfvi_ha.core.hostprocess.matching import PodLabels, fits, mains
from nfvi_ha.core.hostprocess.spec import Check, CheckKind, WatchSpec

SLOW_SECONDS: Final = 0.1
"""A look that late shows that we are slow, and so may be answers that we missed."""
SLOW_FOR_SECONDS: Final = 0.5


class ProcessWatch:
    """``spawn`` starts the asking of one daemon."""

    def __init__(
        self,
        procfs: Path,
        processes: ProcessTable,
        settings: ProcessProbeSettings,
        table: FaultTable,
        seen: Seen,
        *,
        sessions: bool,
        open_pidfd: OpenPidfd = pidfd.open_pidfd,
    ) -> None:
        self._procfs = procfs
        self._processes = processes
        self._settings = settings
        self._table = table
        self._seen = seen
        self._sessions = sessions
        self._open_pidfd = open_pidfd
        self._daemons: dict[str, Daemon] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._slow_until = 0.0
        self.pods: Callable[[], PodLabels] = dict

    @property
    def daemons(self) -> Mapping[str, Daemon]:
        """By name."""
        return self._daemons

    def use(self, specs: Iterable[WatchSpec]) -> None:
        """Watch these; what is the same as before goes on undisturbed."""
        wanted = {spec.name: spec for spec in specs}
        for name, daemon in tuple(self._daemons.items()):
            if wanted.get(name) != daemon.spec:
                self._end(name, clear=True)
        for name, spec in wanted.items():
            if name not in self._daemons:
                self._begin(spec)
        self.match_all()

    def match_all(self) -> None:
        """Match every process anew: the list changed, or labels of pods did."""
        pods, known = self.pods(), self._processes.processes
        for daemon in self._daemons.values():
            match = daemon.spec.match
            fitting = {pid: info for pid, info in known.items() if fits(match, info, pods, sessions=self._sessions)}
            daemon.fitting = fitting
        self._sync()

    def scan(self, *, everything: bool = False) -> None:
        """Search for processes that are new.

        Raises:
            OSError: the process table cannot be listed.
        """
        changed = self._processes.scan(everything=everything)
        if changed:
            pods, known = self.pods(), self._processes.processes
            for daemon in self._daemons.values():
                for pid in changed:
                    info = known.get(pid)
                    if info is not None and fits(daemon.spec.match, info, pods, sessions=self._sessions):
                        daemon.fitting[pid] = info
                    else:
                        daemon.fitting.pop(pid, None)
        self._sync()

    def look(self, late_seconds: float) -> None:
        """Look at all that is watched; we do that so late."""
        if late_seconds > SLOW_SECONDS:
            self._slow_until = asyncio.get_running_loop().time() + SLOW_FOR_SECONDS
        for daemon in self._daemons.values():
            daemon.look()

    @property
    def hurry(self) -> bool:
        """Whether something ended and is not back."""
        return any(daemon.health.failed for daemon in self._daemons.values())

    def close(self) -> None:
        """Watch nothing any more; faults stay, for the next life of the probe sees them again."""
        for name in tuple(self._daemons):
            self._end(name, clear=False)

    def _sync(self) -> None:
        for daemon in self._daemons.values():
            daemon.sync(mains(daemon.spec.match, daemon.fitting.values()))
        healths = {name: daemon.health for name, daemon in self._daemons.items()}
        self._seen.keep(
            (name for name, health in healths.items() if health.seen),
            (name for name, health in healths.items() if health.answers_ever),
        )

    def _begin(self, spec: WatchSpec) -> None:
        loop, settings = asyncio.get_running_loop(), self._settings
        health = ProcessHealth(
            spec,
            settings.limits(),
            loop.time(),
            seen=spec.name in self._seen.seen,
            answered=spec.name in self._seen.answered,
        )
        is_command = spec.check is not None and spec.check.kind is CheckKind.COMMAND
        timeout = (settings.command_timeout_ms if is_command else settings.timeout_ms) / 1000
        period = timeout if is_command else settings.period_ms / 1000
        question = question_of(self._placed(spec.check), settings.host_root, timeout) if spec.check else None
        daemon = Daemon(health, question, self._procfs, self._table, self._processes.drop, self._open_pidfd)
        self._daemons[spec.name] = daemon
        self._asking[spec.name] = loop.create_task(daemon.ask_on(period, timeout, self._is_slow))

    def _placed(self, check: Check) -> Check:
        """HTTP is asked for on this host, wherever that is."""
        if check.kind not in (CheckKind.HTTP, CheckKind.HTTPS) or not check.address.startswith(f"{LOOPBACK}:"):
            return check
        return Check(check.kind, self._settings.http_host + check.address.removeprefix(LOOPBACK))

    def _is_slow(self) -> bool:
        return asyncio.get_running_loop().time() < self._slow_until

    def _end(self, name: str, *, clear: bool) -> None:
        self._asking.pop(name).cancel()
        self._daemons.pop(name).close(clear=clear)

    def failed_asking(self) -> BaseException | None:
        """What ended the asking of a daemon, which is a defect."""
        ended = (task for task in self._asking.values() if task.done() and not task.cancelled())
        return next((error for task in ended if (error := task.exception()) is not None), None)
