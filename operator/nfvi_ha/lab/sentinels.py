"""The sentinels as real processes, each on a host of its own, started again when they end, as a kubelet would."""

import asyncio
import logging
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.processfile import PROCESS, held, hold, read_identity, release, signal_process, write_identity

log = logging.getLogger(__name__)

READY_SECONDS: Final = 60.0
RESTART_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.05
STATE: Final = "state"
"""A sentinel's disk: its cache and its spool."""
PORT_FILE: Final = "port"
LOG_FILE: Final = "sentinel.log"


@dataclass(frozen=True, slots=True)
class SentinelSeats:
    """The running sentinels below a directory, as any process of this machine can find them."""

    root: Path

    def names(self) -> list[str]:
        """Of those that were started, in order of their seats."""
        return sorted(path.parent.name for path in self.root.glob(f"*/{PROCESS}"))

    def directory(self, seat: int) -> Path:
        """Of one sentinel."""
        return self.root / f"sentinel-{seat}"

    def signal(self, seat: int, number: signal.Signals) -> Injection:
        """SIGKILL, SIGSTOP or SIGCONT its hot process.

        Raises:
            LabFailed: it does not run.
        """
        at = time.monotonic_ns()
        signal_process(self.directory(seat) / PROCESS, number)
        return Injection.now(f"sentinel-{number.name.lower()}", f"sentinel-{seat}", at)

    def hold(self, seat: int) -> None:
        """Once ended, it is not started again until ``release``."""
        hold(self.directory(seat) / PROCESS)

    def release(self, seat: int) -> None:
        """Let it be started again."""
        release(self.directory(seat) / PROCESS)

    async def wait_ended(self, seat: int, timeout_seconds: float = 10.0) -> None:
        """Until its process is gone.

        Raises:
            LabFailed: not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while (identity := read_identity(self.directory(seat) / PROCESS)) is not None and identity.alive():
            if time.monotonic() > deadline:
                raise LabFailed(f"sentinel-{seat} did not end within {timeout_seconds:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    def forget(self, seat: int) -> None:
        """Empty its disk, as when it comes up on another host."""
        shutil.rmtree(self.directory(seat) / STATE, ignore_errors=True)

    def states(self) -> dict[str, str]:
        """By name: running, or that its process has ended."""
        found = {}
        for name in self.names():
            identity = read_identity(self.root / name / PROCESS)
            found[name] = "running" if identity is not None and identity.alive() else "its process has ended"
        return found

    def kill_any(self, random: Random) -> Injection:
        """SIGKILL one of them.

        Raises:
            LabFailed: it does not run.
        """
        return self.signal(random.randrange(len(self.names())), signal.SIGKILL)


class Sentinels:
    """Starts them with the given command lines, keeps them running, and ends them."""

    def __init__(self, directory: Path, commands: Mapping[int, Sequence[str]]) -> None:
        self.seats = SentinelSeats(directory.resolve())
        self._commands = commands
        self._daemons: dict[int, Daemon] = {}
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start all; returns when they listen.

        Raises:
            LabFailed: one ended, or did not listen within a minute; its message has the end of a log.
        """
        for seat in self._commands:
            self._spawn(seat)
        deadline = time.monotonic() + READY_SECONDS
        while waiting := [seat for seat in self._commands if not (self.seats.directory(seat) / PORT_FILE).exists()]:
            ended = [seat for seat, daemon in self._daemons.items() if not daemon.alive()]
            if ended or time.monotonic() > deadline:
                seat = ended[0] if ended else waiting[0]
                raise LabFailed(f"sentinel-{seat} did not come up\n{self._daemons[seat].log_tail(12)}")
            await asyncio.sleep(POLL_SECONDS)
        self._supervisor = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """SIGTERM all; who does not end in 5 s is killed."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        await asyncio.gather(*(daemon.stop(grace_seconds=5.0) for daemon in self._daemons.values()))
        self._daemons.clear()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(RESTART_SECONDS)
            for seat, daemon in list(self._daemons.items()):
                if not daemon.alive() and not held(self.seats.directory(seat) / PROCESS):
                    log.info("sentinel-%d ended and is started again", seat)
                    self._spawn(seat)

    def _spawn(self, seat: int) -> None:
        directory = self.seats.directory(seat)
        (directory / STATE).mkdir(parents=True, exist_ok=True)
        (directory / PORT_FILE).unlink(missing_ok=True)
        argv = self._commands[seat]
        daemon = Daemon.spawn(f"sentinel-{seat}", argv, log=directory / LOG_FILE, cwd=directory, detach=False)
        self._daemons[seat] = daemon
        write_identity(directory / PROCESS, daemon.identity)
