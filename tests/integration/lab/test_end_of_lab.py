"""Nothing of a lab is left behind, however it ends."""

import asyncio
import time
from pathlib import Path

from nfvi_world import World, phase


def processes_under(directory: Path) -> list[str]:
    """Command lines of living processes whose working directory lies there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                cwd = (entry / "cwd").readlink()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if cwd.is_relative_to(directory) and state not in "ZX":
                found.append(f"{entry.name} {(entry / 'comm').read_text()}")
    return found


async def none_left(directory: Path) -> None:
    deadline = time.monotonic() + 10
    while left := processes_under(directory):
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.05)


async def test_stopping_the_lab_leaves_no_process(world: World) -> None:
    nfvi = world.nfvi
    await world.create("vm")
    await world.ready("vm")
    assert len(processes_under(nfvi.root)) == 5  # cluster, two hypervisors, launcher, VM

    await nfvi.stop()
    await none_left(nfvi.root)
    await nfvi.start(world.client)
    await world.until("vm", lambda vmi: phase(vmi) == "Failed", "Failed: its pod's processes are gone")


async def test_vms_die_with_their_hypervisor(world: World) -> None:
    await world.create("vm")
    vmi = await world.ready("vm")
    hypervisor = world.nfvi.hypervisors[vmi["status"]["nodeName"]]
    assert world.faults.vm_alive(vmi)
    await hypervisor.stop(grace_seconds=0)
    try:
        assert not world.faults.vm_alive(vmi)
    finally:
        (node,) = (node for node in world.nfvi.nodes if node.name == vmi["status"]["nodeName"])
        world.nfvi.start_hypervisor(node)
    await world.until("vm", lambda obj: phase(obj) == "Failed", "Failed: its pod's processes are gone")
