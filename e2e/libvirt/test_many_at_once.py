"""Fifty VMs of one living hypervisor end at once, more than one beat has room for: each is told all the same.

Stand-ins for qemu: it is the agent's and the sentinels' way that is tried, not the guests.
"""

import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from libvirt.figures import Figures
from libvirt.pod import Pod
from libvirt.site import Site, Vm
from libvirt.waiting import until
from nfvi_ha.lab.hypervisor.machines import qemu_command
from nfvi_ha.lab.hypervisor.standin import install_standin

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMESPACE = "many"
VMS = 50


def _start(qemu: Path, vm: Vm) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(qemu_command(NAMESPACE, vm.name, vm.uid, 64), executable=qemu)


async def test_fifty_vms_that_end_at_once_are_each_told(directory: Path, figures: Figures) -> None:
    place = directory / NAMESPACE
    place.mkdir()
    qemu = install_standin(place / "qemu-system-x86_64")
    probes = {"vm": {"cgroups": "process"}, "process": {"builtInProcesses": False}}
    site = Site(place, probes, NAMESPACE, (f"web-{number}" for number in range(VMS)))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(site.close)
        await site.start()
        processes = []
        for _ in range(VMS):
            vm = site.next_vm()
            pod = Pod(NAMESPACE, vm.name, vm.uid, place / "virt-launcher")
            stack.push_async_callback(pod.close)
            process = _start(qemu, vm)
            stack.callback(process.wait)
            stack.callback(process.kill)
            pod.take(process.pid)
            processes.append((process, vm))
        for process, vm in processes:
            await site.watched(process.pid, vm)
        began = time.monotonic_ns()
        for process, _ in processes:
            process.kill()

        def told() -> list[float]:
            records = [each for each in site.vim.records if each.type.endswith("vm.failed") and not each.duplicate]
            return [(each.received_monotonic_ns - began) / 1e6 for each in records]

        await until(lambda: len(told()) == VMS, f"{VMS} VMs told as failed")
        assert max(told()) < 5000, "those that wait for the record of others take longer"
        figures.add(f"SIGKILL of {VMS} VMs at once", "vm.failed, the last", "to the VIM", max(told()))
