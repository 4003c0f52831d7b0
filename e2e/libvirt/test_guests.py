"""Real guests end in every way that there is, and the VIM is told each for what it was."""

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from libvirt.box import Box, Guest
from libvirt.conftest import RUNS, MakePod
from libvirt.figures import Figures
from libvirt.site import Site

WITHIN_MS = 1000
BIG_MIB = 1536


@asynccontextmanager
async def watched(box: Box, site: Site, name: str, **options: Any) -> AsyncIterator[Guest]:
    """A guest that has booted and that the agent knows."""
    guest = await box.boot(name, **options)
    try:
        await site.logged("VM watched", vm=guest.label, pid=guest.pid)
        yield guest
    finally:
        await box.end(guest)


def faulted(guest: Guest, number: int) -> int:
    """Send a signal; returns when, by CLOCK_MONOTONIC."""
    began = time.monotonic_ns()
    guest.signal(number)
    return began


def since(began: int, ended: int | None = None) -> float:
    return ((ended or time.monotonic_ns()) - began) / 1e6


async def reaped(guest: Guest, pidfd: int) -> int:
    """When its process is gone, by a thread that waits for nothing else."""

    def wait() -> int:
        poller = select.poll()
        poller.register(pidfd, select.POLLIN)
        assert poller.poll(60_000), f"{guest.domain} does not end"
        return time.monotonic_ns()

    return await asyncio.to_thread(wait)


@contextlib.contextmanager
def opened(guest: Guest) -> Any:
    pidfd = os.pidfd_open(guest.pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


@pytest.mark.parametrize("run", range(RUNS))
async def test_killed_guest_is_told_as_killed_and_proven_once_it_is_gone(
    box: Box, site: Site, figures: Figures, run: int
) -> None:
    async with watched(box, site, f"killed-{run}") as guest:
        began = faulted(guest, signal.SIGKILL)
        record = await site.wait_for("vm.failed", guest.label)
        assert record.event["data"]["cause"] == "QemuKilled"
        assert "SIGKILL" in record.event["data"]["message"]
        took = since(began, record.received_monotonic_ns)
        assert took < WITHIN_MS
        figures.add("SIGKILL", "vm.failed QemuKilled", "fault to VIM", took)
