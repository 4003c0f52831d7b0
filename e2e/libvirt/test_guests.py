"""Real guests end in every way that there is, and the VIM is told each for what it was."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from libvirt.box import Box
from libvirt.conftest import BIG_RUNS, RUNS
from libvirt.figures import Figures
from libvirt.scene import Stopwatch, ends, scene
from libvirt.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITHIN_MS = 1000
STOPPED_LIMIT_MS = 1000
"""Of the agent's defaults: a VM that is stopped for so long is stuck."""
BIG_MIB = 1536
BIG_DUMP_MIB = 256
"""Its core dump goes to a disk, at perhaps 60 MB a second."""

runs = pytest.mark.parametrize("run", range(RUNS))
big_runs = pytest.mark.parametrize("run", range(BIG_RUNS))


@runs
async def test_killed_guest_is_told_then_proven(box: Box, site: Site, figures: Figures, run: int) -> None:
    async with scene(box, site) as guest:
        watch = Stopwatch()
        guest.signal(signal.SIGKILL)
        told = await site.wait_for("vm.failed", guest.label)
        assert (told.cause, told.uid) == ("QemuKilled", guest.uid)
        assert told.confidence == "low", "somebody might have deleted the VMI, and there is no API server to ask"
        assert watch.to(told.at) < WITHIN_MS
        figures.add("SIGKILL", "vm.failed QemuKilled", "to the VIM", watch.to(told.at))
        (evidence,) = await site.evidence(guest.label)
        assert evidence["kind"] == "ProcessGone"
        assert f"pid {guest.pid}" in evidence["detail"]


@runs
async def test_guest_that_crashes_with_a_core_dump_is_told_as_crashed(
    box: Box, site: Site, figures: Figures, run: int
) -> None:
    async with scene(box, site) as guest:
        watch = Stopwatch()
        guest.signal(signal.SIGSEGV)
        told = await site.wait_for("vm.failed", guest.label)
        assert (told.cause, told.uid) == ("QemuCrashed", guest.uid)
        assert watch.to(told.at) < WITHIN_MS
        figures.add("SIGSEGV, core dumped", "vm.failed QemuCrashed", "to the VIM", watch.to(told.at))
        await box.gone(guest)
        assert dumped(box)


@runs
async def test_stopped_guest_is_stuck_until_it_runs_again(box: Box, site: Site, figures: Figures, run: int) -> None:
    async with scene(box, site) as guest:
        watch = Stopwatch()
        guest.signal(signal.SIGSTOP)
        told = await site.wait_for("vm.stuck", guest.label)
        assert told.cause == "QemuStopped"
        assert STOPPED_LIMIT_MS <= watch.to(told.at) < STOPPED_LIMIT_MS + WITHIN_MS
        figures.add("SIGSTOP, limit 1 s", "vm.stuck QemuStopped", "to the VIM", watch.to(told.at))
        watch = Stopwatch()
        guest.signal(signal.SIGCONT)
        told = await site.wait_for("vm.moving", guest.label)
        figures.add("SIGCONT", "vm.moving", "to the VIM", watch.to(told.at))
        assert not site.told("vm.failed", guest.label)


@runs
async def test_guest_that_shuts_itself_down_is_no_failure(box: Box, site: Site, figures: Figures, run: int) -> None:
    async with scene(box, site) as guest:
        watch = Stopwatch()
        await box.virsh("shutdown", guest.domain)
        line = await site.logged("VM ended as intended", pid=guest.pid)
        assert line["reason"] == "CleanExit"
        figures.add("the guest powers off (ACPI)", "nothing", "to the decision", watch.to_stamp(line["ts"]))
        await box.undefine(guest)
        assert not site.told("vm.failed", guest.label)


@runs
async def test_guest_that_is_destroyed_and_undefined_is_no_failure(
    box: Box, site: Site, figures: Figures, run: int
) -> None:
    async with scene(box, site) as guest:
        watch = Stopwatch()
        await box.virsh("destroy", guest.domain)
        line = await site.logged("VM ended as intended", pid=guest.pid)
        assert line["reason"] == "CleanExit"
        figures.add("virsh destroy, undefine", "nothing", "to the decision", watch.to_stamp(line["ts"]))
        await box.undefine(guest)
        assert not site.told("vm.failed", guest.label)


async def test_paused_guest_is_none_that_is_stuck(box: Box, site: Site) -> None:
    """Its processors stand still, its process does not; the next guest's fault comes after it would have been told."""
    async with scene(box, site) as paused, scene(box, site) as other:
        await box.virsh("suspend", paused.domain)
        other.signal(signal.SIGSTOP)
        await site.wait_for("vm.stuck", other.label)
        assert not site.told("vm.stuck", paused.label)
        other.signal(signal.SIGCONT)
        await site.wait_for("vm.moving", other.label)


@big_runs
@pytest.mark.parametrize(
    ("number", "cause", "mib"),
    [(signal.SIGKILL, "QemuKilled", BIG_MIB), (signal.SIGSEGV, "QemuCrashed", BIG_DUMP_MIB)],
)
async def test_big_guest_is_told_before_its_memory_is_freed_or_dumped(
    box: Box, site: Site, figures: Figures, number: signal.Signals, cause: str, mib: int, run: int
) -> None:
    async with scene(box, site, memory_mib=mib, touched=True) as guest:
        with ExitStack() as stack:
            pidfd = os.pidfd_open(guest.pid)
            stack.callback(os.close, pidfd)
            gone = ends(pidfd)
            watch = Stopwatch()
            guest.signal(number)
            told = await site.wait_for("vm.failed", guest.label)
            assert told.cause == cause
            took, ended = watch.to(told.at), watch.to(await gone)
        assert took < WITHIN_MS
        case = f"{number.name}, {mib} MiB touched"
        figures.add(case, f"vm.failed {cause}", "to the VIM", took)
        figures.add(case, "", "until the process is gone", ended)


def dumped(box: Box) -> bool:
    """Whether the kernel wrote a core dump, as far as that can be seen here."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    elsewhere = pattern.startswith(("|", "/"))
    return elsewhere or any(core.stat().st_size > 0 for core in box.cores.iterdir())
