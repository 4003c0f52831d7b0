"""A child process whose end is known the moment it happens, and which is reaped at once."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self


class ChildProcess:
    """One child of the hypervisor process. ``exit_code`` is None while it runs, negative for a signal (as subprocess).

    The end is seen through a pidfd on the event loop: no thread per child, no polling.
    """

    def __init__(self, process: subprocess.Popen[bytes], on_exit: Callable[[], None]) -> None:
        self._process = process
        self._on_exit = on_exit
        self._pidfd = os.pidfd_open(process.pid)
        self.exit_code: int | None = None
        self.exited_at = 0.0
        """``time.monotonic()`` when the end was seen."""
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)

    @classmethod
    def start(
        cls,
        program: Path,
        argv: Sequence[str],
        directory: Path,
        on_exit: Callable[[], None],
        *,
        env: Mapping[str, str] | None = None,
        output: BinaryIO | None = None,
    ) -> Self:
        """Starts ``program`` with the command line ``argv`` (its first word included).

        Without ``env`` it has no environment, without ``output`` what it prints is lost.

        Raises:
            OSError: it cannot be started.
        """
        process = subprocess.Popen(
            list(argv),
            executable=program,
            cwd=directory,
            env=env or {},
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=output or subprocess.DEVNULL,
        )
        return cls(process, on_exit)

    @property
    def pid(self) -> int:
        """Its process id; belongs to nobody else until ``exit_code`` is set."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended, as far as was seen."""
        return self.exit_code is None

    def terminate(self) -> None:
        """SIGTERM: for a VM the request to shut down."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.running:
            # No stranger can be hit: the id stays ours until poll() has reaped it.
            os.kill(self.pid, number)

    def _ended(self) -> None:
        code = self._process.poll()
        if code is None:
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.exit_code = code
        self.exited_at = time.monotonic()
        self._on_exit()
