"""Guests of libvirt alone: there is no pod, no virt-launcher and nobody to ask; the exit code tells."""

import signal

import pytest

from libvirt.box import Box
from libvirt.conftest import RUNS
from libvirt.figures import Figures
from libvirt.scene import Stopwatch, scene
from libvirt.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

WITHIN_MS = 1000
runs = pytest.mark.parametrize("run", range(RUNS))


@runs
@pytest.mark.parametrize(("number", "cause"), [(signal.SIGKILL, "QemuKilled"), (signal.SIGSEGV, "QemuCrashed")])
async def test_guest_that_was_ended_by_a_signal_is_told_under_its_domains_uuid(
    box: Box, site_without_pods: Site, figures: Figures, number: signal.Signals, cause: str, run: int
) -> None:
    site = site_without_pods
    async with scene(box, site, in_pod=False) as guest:
        watch = Stopwatch()
        guest.signal(number)
        told = await site.wait_for("vm.failed", guest.label)
        assert (told.cause, told.uid, told.confidence) == (cause, guest.uid, "high")
        assert watch.to(told.at) < WITHIN_MS
        figures.add(f"{number.name}, no pod", f"vm.failed {cause}", "to the VIM", watch.to(told.at))


@runs
async def test_guest_that_is_destroyed_is_no_failure(box: Box, site_without_pods: Site, run: int) -> None:
    site = site_without_pods
    async with scene(box, site, in_pod=False) as guest:
        await box.virsh("destroy", guest.domain)
        line = await site.logged("VM ended as intended", pid=guest.pid)
        assert line["reason"] == "CleanExit"
        assert not site.told("vm.failed", guest.label)
