"""A real cgroup of ours, below one directory per run, in the newest hierarchy that is there."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

import pytest

from libvirt.waiting import PATIENCE_SECONDS, PERIOD_SECONDS, until

HIERARCHIES: Final = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
"""cgroup v2, or hybrid, or v1."""
PROCS: Final = "cgroup.procs"
TOP: Final = f"nfvi-ha-e2e-{os.getpid()}"


class Cgroup:
    """Made when it is constructed; the test is skipped where that is not possible."""

    def __init__(self, *path: str) -> None:
        roots = (Path(text) for text in HIERARCHIES)
        root = next((each for each in roots if os.access(each / PROCS, os.W_OK)), None)
        if root is None:
            pytest.skip("no cgroups that may be changed here")
        self._root = root
        self.place = root.joinpath(TOP, *path)
        self.place.mkdir(parents=True)

    def put(self, pid: int) -> None:
        """Into it, with all threads."""
        (self.place / PROCS).write_text(str(pid))

    def put_out(self, pid: int) -> None:
        """To the top of the hierarchy."""
        (self._root / PROCS).write_text(str(pid))

    async def remove(self) -> None:
        """It must be empty, or about to be: what has ended is in it until the kernel is done with it."""
        await until(self._removed, f"{self.place} to be empty")
        place = self.place.parent
        while place != self._root:
            try:
                place.rmdir()
            except OSError:
                break  # another one of ours is there, too
            place = place.parent

    def _removed(self) -> bool:
        try:
            self.place.rmdir()
        except OSError:
            return False
        return True


def sweep() -> None:
    """End and remove what an interrupted test left in cgroups of ours."""
    tops = [top for top in (Path(text, TOP) for text in HIERARCHIES) if top.exists()]
    end = time.monotonic() + PATIENCE_SECONDS
    for place in [Path(each) for top in tops for each, _, _ in os.walk(top, topdown=False)]:
        for pid in (place / PROCS).read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        while place.exists() and time.monotonic() < end:
            with contextlib.suppress(OSError):  # what has just ended is in it for a moment yet
                place.rmdir()
            time.sleep(PERIOD_SECONDS)
