"""The simulated NFVI as these tests see it: VMIs made, faults made, conditions waited for."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import VMIS
from nfvi_ha.lab.faults import Faults
from nfvi_ha.lab.nfvi import Nfvi
from nfvi_ha.lab.timings import LabTimings

# The order of things is what these tests look at, so everything is quick; the launcher's watchdog stays clearly
# behind the container status, and the node grace behind the Lease.
FAST = LabTimings(
    pod_start_seconds=0.0,
    boot_seconds=0.1,
    stopped_event_seconds=(0.05, 0.05),
    launcher_exit_seconds=(0.0, 0.1),
    container_status_seconds=(0.1, 0.2),
    launcher_watchdog_seconds=(2.0, 2.0),
    lease_renew_seconds=0.3,
    node_grace_seconds=1.5,
    node_monitor_seconds=0.2,
)


class World:
    """One running NFVI as tests see it."""

    def __init__(self, client: KubeClient, nfvi: Nfvi, namespace: str) -> None:
        self.client = client
        self.nfvi = nfvi
        self.namespace = namespace
        self.faults = Faults(nfvi.hosts, client)

    async def create(self, name: str, **spec: Any) -> dict[str, Any]:
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachineInstance",
            "metadata": {"name": name, "labels": {"app": "vnf"}},
            "spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}, **spec},
        }
        return await self.client.create(VMIS, body, self.namespace)

    async def get(self, name: str) -> dict[str, Any]:
        return await self.client.get(VMIS, name, self.namespace)

    async def until(
        self, name: str, holds: Callable[[dict[str, Any]], bool], what: str, seconds: float = 20.0
    ) -> dict[str, Any]:
        last: dict[str, Any] = {}

        async def look() -> bool:
            nonlocal last
            last = await self.get(name)
            return holds(last)

        await eventually(look, f"{name}: {what}", seconds, lambda: last)
        return last

    async def ready(self, name: str) -> dict[str, Any]:
        return await self.until(name, is_ready, "Ready")

    async def gone(self, name: str, seconds: float = 20.0) -> None:
        async def look() -> bool:
            try:
                await self.get(name)
            except NotFound:
                return True
            return False

        await eventually(look, f"{name} is gone", seconds, dict)


async def eventually(
    look: Callable[[], Awaitable[bool]], what: str, seconds: float, last: Callable[[], object]
) -> None:
    deadline = time.monotonic() + seconds
    while not await look():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last seen: {last()}"
        await asyncio.sleep(0.05)


def phase(vmi: dict[str, Any]) -> str:
    return str((vmi.get("status") or {}).get("phase") or "")


def condition(obj: dict[str, Any], kind: str) -> tuple[str, str]:
    for item in (obj.get("status") or {}).get("conditions") or []:
        if item["type"] == kind:
            return item["status"], item.get("reason") or ""
    return "", ""


def is_ready(vmi: dict[str, Any]) -> bool:
    return condition(vmi, "Ready")[0] == "True"


def stamped_phases(vmi: dict[str, Any]) -> list[str]:
    return [stamp["phase"] for stamp in vmi["status"].get("phaseTransitionTimestamps") or []]


def phase_writer(vmi: dict[str, Any]) -> str:
    writers = [
        entry["manager"]
        for entry in vmi["metadata"]["managedFields"]
        if "f:phase" in (entry["fieldsV1"].get("f:status") or {})
    ]
    assert len(writers) == 1, writers
    return str(writers[0])
