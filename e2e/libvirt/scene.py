"""A guest of a test, and the time that things take."""

import asyncio
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from libvirt.box import Box, Guest
from libvirt.pod import Pod
from libvirt.site import Site


@asynccontextmanager
async def scene(box: Box, site: Site, *, in_pod: bool = True, **options: Any) -> AsyncIterator[Guest]:
    """A guest that has booted and that the agent knows by its right name; nothing is left of it afterwards."""
    vm = site.next_vm()
    pod = Pod(site.namespace, vm.name, vm.uid, site.directory / "virt-launcher") if in_pod else None
    try:
        guest = await box.boot(vm.name, vm.uid, pod=pod, **options)
    except BaseException:
        if pod is not None:
            await pod.close()
        raise
    try:
        await site.watched(guest.pid, vm)
        yield guest
    finally:
        if box.runs(guest):
            site.expect_failed(guest.label)
        await box.end(guest)


class Stopwatch:
    """Runs from when it is made, by both clocks."""

    def __init__(self) -> None:
        self._wall = time.time()
        self._monotonic = time.monotonic_ns()

    def to(self, monotonic_ns: int) -> float:
        """Milliseconds until then."""
        return (monotonic_ns - self._monotonic) / 1e6

    def to_stamp(self, stamp: str) -> float:
        """Milliseconds until the time of a log line."""
        return (datetime.fromisoformat(stamp).timestamp() - self._wall) * 1000


def ends(pidfd: int) -> "asyncio.Task[int]":
    """When that process is gone, by CLOCK_MONOTONIC; seen by a thread that waits for nothing else."""

    def wait() -> int:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        if not poller.poll(60_000):
            raise TimeoutError("the process does not end")
        return time.monotonic_ns()

    return asyncio.create_task(asyncio.to_thread(wait))
