"""VNFs on a lab: made, broken, waited for."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import EVENTS, INCIDENTS, NAMESPACES, VMIS, VNFREPLICASETS
from nfvi_ha.lab.faults import Faults
from nfvi_ha.lab.timings import LabTimings
from nfvi_ha.lab.world import Lab
from nfvi_ha.reporting.receiver.record import Record

Obj = dict[str, Any]

QUICK = LabTimings(
    pod_start_seconds=0.1,
    boot_seconds=0.2,
    stopped_event_seconds=(0.05, 0.1),
    launcher_exit_seconds=(0.0, 0.2),
    container_status_seconds=(0.2, 0.3),
    launcher_watchdog_seconds=(5.0, 5.0),
    lease_renew_seconds=1.0,
    node_grace_seconds=4.0,
    node_monitor_seconds=0.5,
)

TEMPLATE: Obj = {
    "metadata": {"labels": {"app": "fw"}},
    "spec": {"domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}},
}


class VnfWorld:
    """One namespace of a lab."""

    def __init__(self, lab: Lab, client: KubeClient, namespace: str) -> None:
        self.lab = lab
        self.client = client
        self.namespace = namespace
        self.faults = Faults(lab.access.hosts, client)

    async def create_set(self, name: str = "fw", replicas: int = 3, **spec: Any) -> Obj:
        body = {
            "apiVersion": "nfvi-ha.io/v1alpha1",
            "kind": "VNFReplicaSet",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": "fw"}},
                "template": TEMPLATE,
                **spec,
            },
        }
        return await self.client.create(VNFREPLICASETS, body, self.namespace)

    async def get_set(self, name: str = "fw") -> Obj:
        return await self.client.get(VNFREPLICASETS, name, self.namespace)

    async def patch_set(self, patch: Obj, name: str = "fw") -> Obj:
        return await self.client.patch(VNFREPLICASETS, name, patch, self.namespace)

    async def ready_set(self, name: str = "fw", replicas: int = 3, **spec: Any) -> list[Obj]:
        """A set with all its VMs ready, and these VMs by slot."""
        await self.create_set(name, replicas, **spec)
        await self.until_ready(replicas, name)
        return await self.vms(name)

    async def vms(self, name: str = "fw") -> list[Obj]:
        """VMs of a set that are neither final nor going away, by slot."""
        living = [vm for vm in await self.client.list(VMIS, self.namespace) if _is_living(vm, name)]
        return sorted(living, key=lambda vm: int(vm["metadata"]["labels"]["nfvi-ha.io/slot"]))

    async def all_vms(self) -> list[Obj]:
        return await self.client.list(VMIS, self.namespace)

    async def until_ready(self, replicas: int, name: str = "fw", seconds: float = 40.0) -> Obj:
        def ready(obj: Obj) -> bool:
            status = obj.get("status") or {}
            current = status.get("observedGeneration") == obj["metadata"]["generation"]
            counts = (status.get("readyReplicas"), status.get("replicas"), status.get("updatedReplicas"))
            return current and counts == (replicas, replicas, replicas)

        return await self.until_set(ready, f"{replicas} ready VMs", name, seconds)

    async def until_set(self, holds: Callable[[Obj], bool], what: str, name: str = "fw", seconds: float = 40.0) -> Obj:
        last: Obj = {}

        async def look() -> bool:
            nonlocal last
            last = await self.get_set(name)
            return holds(last)

        await eventually(look, what, seconds, lambda: str(last.get("status")))
        return last

    async def condition(self, type_: str, status: str, name: str = "fw", seconds: float = 20.0) -> Obj:
        """Wait for a condition of a set."""
        found: Obj = {}

        def holds(obj: Obj) -> bool:
            for condition in (obj.get("status") or {}).get("conditions", ()):
                if condition["type"] == type_ and condition["status"] == status:
                    found.update(condition)
                    return True
            return False

        await self.until_set(holds, f"condition {type_}={status}", name, seconds)
        return found

    async def told(self, type_: str, name: str, seconds: float = 20.0) -> Record:
        """Wait until the VIM was told something of a resource of this namespace; its first telling."""

        def found() -> list[Record]:
            return [record for record in self.tellings(type_) if record.data["resource"]["name"] == name]

        await self.lab.receiver.wait_for(lambda _: bool(found()), seconds)
        return found()[0]

    def tellings(self, type_: str = "") -> list[Record]:
        """What the VIM was told of this namespace until now."""
        return [
            record
            for record in self.lab.receiver.records
            if record.data.get("resource", {}).get("namespace") == self.namespace
            and (not type_ or record.type == f"io.nfvi-ha.{type_}")
        ]

    async def incidents(self) -> list[Obj]:
        return await self.client.list(INCIDENTS, self.namespace)

    async def event_reasons(self) -> set[str]:
        return {event["reason"] for event in await self.client.list(EVENTS, self.namespace)}

    async def sweep(self) -> None:
        """Delete everything while there still are controllers that let it go."""
        for obj in await self.client.list(VNFREPLICASETS, self.namespace):
            await self.client.delete(VNFREPLICASETS, obj["metadata"]["name"], self.namespace)

        async def gone() -> bool:
            vms = await self.all_vms()
            for vm in vms:
                with contextlib.suppress(NotFound):
                    await self.client.delete(VMIS, vm["metadata"]["name"], self.namespace)
            return not vms

        await eventually(gone, f"VMs of {self.namespace} gone", 60.0, lambda: "still there")
        await self.client.delete(NAMESPACES, self.namespace)


def _is_living(vm: Obj, name: str) -> bool:
    owners = vm["metadata"].get("ownerReferences") or []
    ours = any(owner["kind"] == "VNFReplicaSet" and owner["name"] == name for owner in owners)
    final = (vm.get("status") or {}).get("phase") in {"Failed", "Succeeded"}
    return ours and not final and "deletionTimestamp" not in vm["metadata"]


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, seconds: float, state: Callable[[], str]) -> None:
    """Wait for a condition; its last state is in the failure."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}; last: {state()}"
        await asyncio.sleep(0.05)
