"""libvirtd itself dies or hangs: that is told as what it is, and is no failure of its guests, which run on."""

import os
import signal

import pytest

from libvirt.box import Box
from libvirt.conftest import RUNS
from libvirt.figures import Figures
from libvirt.freezer import frozen
from libvirt.scene import Stopwatch, scene
from libvirt.site import NODE, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUBJECT = f"{NODE}/process/libvirtd"
WITHIN_MS = 1000
HANG_WITHIN_MS = 2000
"""Generous: two questions of 300 ms each, 200 ms apart, on a machine that does other things, too."""
runs = pytest.mark.parametrize("run", range(RUNS))


@runs
async def test_killed_libvirtd_is_told_and_its_guest_is_not(box: Box, site: Site, figures: Figures, run: int) -> None:
    await site.asked(box.daemon)
    async with scene(box, site) as guest:
        failed, restored = len(site.told("process.failed", SUBJECT)), len(site.told("process.restored", SUBJECT))
        watch = Stopwatch()
        os.kill(box.daemon, signal.SIGKILL)
        told = await site.wait_for("process.failed", SUBJECT, failed + 1)
        assert watch.to(told.at) < WITHIN_MS
        figures.add("libvirtd killed", f"process.failed {told.cause}", "to the VIM", watch.to(told.at))
        await box.start_daemon()
        await site.wait_for("process.restored", SUBJECT, restored + 1)
        assert "running" in await box.virsh("domstate", guest.domain)
        assert not site.told("vm.failed", guest.label)


@runs
async def test_stopped_libvirtd_hangs_and_its_guest_does_not(box: Box, site: Site, figures: Figures, run: int) -> None:
    await site.asked(box.daemon)
    async with scene(box, site) as guest:
        hung, answering = len(site.told("process.hung", SUBJECT)), len(site.told("process.answering", SUBJECT))
        watch = Stopwatch()
        os.kill(box.daemon, signal.SIGSTOP)
        try:
            told = await site.wait_for("process.hung", SUBJECT, hung + 1)
        finally:
            os.kill(box.daemon, signal.SIGCONT)
        assert watch.to(told.at) < HANG_WITHIN_MS
        figures.add("libvirtd stopped", f"process.hung {told.cause}", "to the VIM", watch.to(told.at))
        await site.wait_for("process.answering", SUBJECT, answering + 1)
        assert not site.told("vm.failed", guest.label)
        assert not site.told("vm.stuck", guest.label)


@runs
async def test_libvirtd_that_answers_nobody_hangs_and_its_guests_end_is_told_all_the_same(
    box: Box, site: Site, figures: Figures, run: int
) -> None:
    """Its state in the process table is that of a healthy one: only its protocol tells."""
    await site.asked(box.daemon)
    async with scene(box, site) as guest:
        hung, answering = len(site.told("process.hung", SUBJECT)), len(site.told("process.answering", SUBJECT))
        watch = Stopwatch()
        async with frozen(box.daemon):
            told = await site.wait_for("process.hung", SUBJECT, hung + 1)
            assert told.cause == "NoAnswer"
            assert watch.to(told.at) < HANG_WITHIN_MS
            figures.add("libvirtd frozen", f"process.hung {told.cause}", "to the VIM", watch.to(told.at))
            watch = Stopwatch()
            guest.signal(signal.SIGKILL)
            failed = await site.wait_for("vm.failed", guest.label)
            assert watch.to(failed.at) < WITHIN_MS
            figures.add("SIGKILL while libvirtd hangs", f"vm.failed {failed.cause}", "to the VIM", watch.to(failed.at))
        await site.wait_for("process.answering", SUBJECT, answering + 1)
