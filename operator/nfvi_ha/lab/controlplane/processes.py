"""One process of the control plane: started in its own group, found again by id and start time, ended for certain.

Nothing here belongs to an event loop, so a process started in one loop can be stopped in another.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from nfvi_ha.lab.controlplane import deathwatch

POLL_SECONDS: Final = 0.02
KILL_WAIT_SECONDS: Final = 10.0
LOG_TAIL_LINES: Final = 15


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for certain: ids are reused, an id with its start time (kernel clock ticks since boot) is not."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The identity of a running process; None when there is none (a zombie has ended: None)."""
        stat = _stat(pid)
        if not stat:
            return None
        # A killed program with threads is a zombie by name while the last of them still holds its ports.
        ended = stat[0] in "ZX" and int(stat[17]) <= 1
        return None if ended else cls(pid, int(stat[19]))

    def alive(self) -> bool:
        """Whether this very process still runs (stopped by a signal counts as running)."""
        return ProcessId.of(self.pid) == self

    def signal(self, number: int) -> bool:
        """Sends a signal to it and its group, never to a stranger with its id; whether there was somebody."""
        if not self.alive():
            return False
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def rss_bytes(self) -> int:
        """Resident memory, 0 when it has ended."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on (field 3 of proc(5) is index 0); empty when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


class Daemon:
    """A long-running program with its log file. ``Daemon.spawn`` starts one, ``Daemon.attach`` finds a running one."""

    def __init__(self, name: str, identity: ProcessId, log: Path, popen: subprocess.Popen[bytes] | None) -> None:
        self.name = name
        self.identity = identity
        self.log = log
        self._popen = popen

    @classmethod
    def spawn(cls, name: str, argv: Sequence[str], *, log: Path, cwd: Path, detach: bool) -> Self:
        """Starts it in its own session, output appended to ``log``.

        Unless ``detach``, the kernel kills it when the thread that called this ends, so nothing outlives even a
        SIGKILL of the caller: call it from a thread that lives as long as the process shall, the main one at best.
        Raises OSError when it cannot be started.
        """
        command = list(argv)
        if not detach:
            command = [sys.executable, "-I", "-S", str(deathwatch.__file__), str(os.getpid()), *command]
        with log.open("ab") as output:
            popen = subprocess.Popen(
                command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        identity = ProcessId.of(popen.pid) or ProcessId(popen.pid, -1)
        return cls(name, identity, log, popen)

    @classmethod
    def attach(cls, name: str, identity: ProcessId, log: Path) -> Self:
        """One that another process started earlier; it may have ended since."""
        return cls(name, identity, log, None)

    def alive(self) -> bool:
        """Whether it runs; reaps it when it is our child and has ended."""
        if self._popen is not None and self._popen.poll() is not None:
            return False
        return self.identity.alive()

    def pause(self) -> None:
        """SIGSTOP: it keeps its connections and answers nothing."""
        self.identity.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after ``pause``."""
        self.identity.signal(signal.SIGCONT)

    async def stop(self, *, grace_seconds: float = 5.0) -> None:
        """SIGTERM, after the grace SIGKILL (grace 0: SIGKILL at once); returns when it is gone, bounded in time.

        Raises TimeoutError if it survives SIGKILL for 10 s, which only a hung kernel call does.
        """
        if grace_seconds > 0 and self.identity.signal(signal.SIGTERM):
            self.resume()
            if await self._ended_within(grace_seconds):
                return
        self.identity.signal(signal.SIGKILL)
        if not await self._ended_within(KILL_WAIT_SECONDS):
            raise TimeoutError(f"{self.name} (pid {self.identity.pid}) did not end after SIGKILL")

    async def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The end of its log, "" when there is none."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""
