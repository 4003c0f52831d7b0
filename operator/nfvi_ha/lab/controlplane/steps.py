"""Commands of a build: logged, told to the progress sink, ended when the build is cancelled."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from nfvi_ha.lab.controlplane import deathwatch
from nfvi_ha.lab.controlplane.errors import BuildFailed
from nfvi_ha.lab.controlplane.progress import ProgressSink

TAIL_LINES: Final = 20
CANCEL_POLL_SECONDS: Final = 0.2


class Steps:
    """Runs one command after the other; all output goes to ``log``, which outlives a failed build."""

    def __init__(self, log: Path, progress: ProgressSink, cancelled: threading.Event) -> None:
        self._log = log
        self._progress = progress
        self._cancelled = cancelled

    def tell(self, message: str, fraction: float | None = None) -> None:
        """News between commands. Raises BuildFailed when the build was cancelled."""
        if self._cancelled.is_set():
            raise BuildFailed("cancelled")
        self._progress("build", message, fraction)

    def run(
        self,
        message: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[int], None] | None = None,
    ) -> None:
        """Runs a command to its end; ``on_line`` gets the number of output lines so far, at each.

        Raises BuildFailed with the end of its output when it fails, or when the build is cancelled.
        """
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        command = [sys.executable, "-I", "-S", deathwatch.__file__, str(os.getpid()), *argv]
        with self._log.open("a", buffering=1) as log:
            log.write(f"+ {' '.join(argv)[:500]}\n")
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=None if environment is None else dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            finished = threading.Event()
            watcher = threading.Thread(target=self._end_when_cancelled, args=(process.pid, finished), daemon=True)
            watcher.start()
            try:
                self._read(process.stdout, log, tail, on_line)
                code = process.wait()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            finally:
                finished.set()
                watcher.join()
        if self._cancelled.is_set():
            raise BuildFailed(f"cancelled while {message}")
        if code != 0:
            raise BuildFailed(f"{message} failed ({argv[0]} exited {code}); log {self._log}, its end:\n{''.join(tail)}")

    def _end_when_cancelled(self, group: int, finished: threading.Event) -> None:
        while not finished.is_set():
            if self._cancelled.wait(CANCEL_POLL_SECONDS):
                os.killpg(group, signal.SIGKILL)
                return

    @staticmethod
    def _read(output: IO[str] | None, log: IO[str], tail: deque[str], on_line: Callable[[int], None] | None) -> None:
        for number, line in enumerate(output or (), 1):
            log.write(line)
            tail.append(line)
            if on_line is not None:
                on_line(number)
