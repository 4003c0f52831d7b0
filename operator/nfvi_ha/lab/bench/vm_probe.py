"""What the agent's VM probe costs and how soon it sees a death: ``python -m nfvi_ha.lab.bench.vm_probe``.

The probe runs in this process, over stand-ins for qemu and virt-launcher. First its CPU time is taken while nothing
happens; then VMs are killed one by one. The first figure has no rate of API events in it, the second no sentinel: from
SIGKILL to the moment at which the beat process is told.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.faults import FaultTable, Telling
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.probes.vm.metrics import VmMetrics
from nfvi_ha.agent.probes.vm.probe import VmProbe
from nfvi_ha.agent.probes.vm.settings import VmProbeSettings
from nfvi_ha.core.wire.inventory import VmEntry
from nfvi_ha.core.wire.local_fault import unpack
from nfvi_ha.lab.bench.machine import machine
from nfvi_ha.lab.bench.percentiles import summary
from nfvi_ha.lab.hypervisor.machines import LocalPod, Machines

NODE: Final = "bench"
BOOT: Final = "00000000-0000-0000-0000-000000000000"
_GAP_SECONDS: Final = 0.1


class _Desk:
    """Stands where the beat process is told."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        """When each VM's failure was told first, monotonic seconds."""
        self.watched = 0
        self._changed = asyncio.Event()

    def tell(self, telling: Telling) -> None:
        now = time.monotonic()
        for fault in unpack(telling.blob):
            self.told.setdefault(fault.vm_uid, now)
        self._changed.set()

    def inventory(self, entries: tuple[VmEntry, ...]) -> None:
        self.watched = len(entries)
        self._changed.set()

    async def change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def run_vm_probe(directory: Path, vms: int, seconds: float, kills: int) -> dict[str, Any]:
    """The figures, as JSON values.

    Raises:
        OSError: a stand-in cannot be started.
    """
    desk, loop = _Desk(), asyncio.get_running_loop()
    table = FaultTable(
        Memory(BOOT), room=1200, tell=desk.tell, save=lambda: None, soon=loop.call_soon, later=loop.call_later
    )
    settings, metrics = VmProbeSettings(cgroups="directory"), VmMetrics(CollectorRegistry())
    machines = Machines(directory)
    pods = [_start(machines, number) for number in range(vms)]
    probe = VmProbe(NODE, BOOT, settings, directory, Path("/proc"), directory, None, metrics)
    running = loop.create_task(probe.run(table, InventoryBook(desk.inventory, loop.call_soon)))
    try:
        while desk.watched < vms:
            await desk.change()
        began, used = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        share = (time.process_time() - used) / (time.monotonic() - began)
        delays = [await _kill(table, desk, pod) for pod in pods[:kills]]
    finally:
        running.cancel()
        await asyncio.wait([running])
        machines.kill_all()
    return {
        "machine": machine("-"),
        "vms": vms,
        "periodMs": settings.period_ms,
        "cpuPercentOfACore": round(share * 100, 2),
        "killToToldMs": {name: value and round(value, 1) for name, value in summary(delays).items()},
        "kills": len(delays),
    }


def _start(machines: Machines, number: int) -> LocalPod:
    pod = machines.start_pod("default", f"pod-{number}", str(uuid.uuid4()), f"vm-{number}", str(uuid.uuid4()), _ended)
    machines.start_vm(pod, 64, str(uuid.uuid4()), _ended)
    return pod


async def _kill(table: FaultTable, desk: _Desk, pod: LocalPod) -> float:
    """Milliseconds until it was told."""
    if pod.vm is None:
        raise RuntimeError(f"{pod.name} has no VM")
    killed = time.monotonic()
    pod.vm.kill()
    while pod.vmi_uid not in desk.told:
        await desk.change()
    # Recorded by two seats, or the set would be full after a dozen.
    for seat in (0, 1):
        table.answered(seat, 2**62, 2**31, 0)
    await asyncio.sleep(_GAP_SECONDS)
    return (desk.told[pod.vmi_uid] - killed) * 1000


def _ended() -> None:
    """The end of a stand-in is the probe's to see."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vms", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nfvi-ha-bench-") as directory:
        result = asyncio.run(run_vm_probe(Path(directory), options.vms, options.seconds, options.kills))
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
