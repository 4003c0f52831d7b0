"""Stands for all hypervisors of the bench, without any VM process: ``python -m nfvi_ha.lab.bench.standin``.

It brings every VMI up that the operator creates, keeps the nodes fresh, and makes VMs fail, at a given pace, with the
very writes that virt-handler makes.
"""

import asyncio
import contextlib
import logging
import sys
import time
import zlib
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from nfvi_ha.kube.resources import LEASES, NODES, PODS, VMIS
from nfvi_ha.lab.bench import fleet
from nfvi_ha.lab.bench.part import serve
from nfvi_ha.lab.hypervisor.node import LEASE_NAMESPACE, NodeIdentity, NodeSpec, node_object, node_status
from nfvi_ha.lab.hypervisor.pod_status import Container, running_patch
from nfvi_ha.lab.objects import JsonObject, deleting, micro_time, name_of, namespace_of, phase_of, uid_of
from nfvi_ha.lab.site import LOOPBACK
from nfvi_ha.lab.vnf import is_ready
from nfvi_ha.lab.watched import Watched

log = logging.getLogger(__name__)

PARALLEL: Final = 32
"""VMs brought up at a time."""
RETRY_SECONDS: Final = 0.2
LEASE_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 300.0


class StandIn:
    """virt-controller, virt-handler and kubelet of all nodes at once."""

    def __init__(self, handler: KubeClient, kubelet: KubeClient, nodes: list[NodeSpec], boot_seconds: float) -> None:
        self._handler = handler
        self._kubelet = kubelet
        self._nodes = nodes
        self._boot_seconds = boot_seconds
        self._slots = asyncio.Semaphore(PARALLEL)
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()
        self._changed = asyncio.Event()
        self._vmis = Watched(handler, VMIS, namespace=fleet.NAMESPACE, on_change=self._vmi_changed)

    async def run(self) -> None:
        """Answer requests until standard input ends; meanwhile watch, bring up, and renew Leases."""
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(work) for work in (self._vmis.run(), self._renew_for_ever())]
            await serve(self._answer)
            for task in (*parts, *self._tasks):
                task.cancel()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "register":
                await asyncio.gather(*(self._register(node) for node in self._nodes))
                return {}
            case "settle":
                return await self._settle(int(request["ready"]))
            case "touch":
                return await self._burst(request["uids"], float(request["within"]), "touch")
            case "fail":
                return await self._burst(request["uids"], float(request["within"]), "fail")
            case other:
                raise ValueError(f"no such request: {other}")

    async def _register(self, spec: NodeSpec) -> None:
        now = _wall()
        with contextlib.suppress(AlreadyExists):
            await self._kubelet.create(NODES, node_object(spec))
        status = node_status(spec, NodeIdentity(LOOPBACK, fleet.boot_id(spec.name)), now)
        await self._kubelet.patch(NODES, spec.name, {"status": status}, subresource="status")
        lease = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": {"name": spec.name}}
        with contextlib.suppress(AlreadyExists):
            await self._kubelet.create(LEASES, {**lease, "spec": _lease_spec(spec.name)}, LEASE_NAMESPACE)

    async def _renew_for_ever(self) -> None:
        """Each node's Lease every 10 s, the nodes spread over that time, as kubelets' are."""
        while True:
            for spec in self._nodes:
                await asyncio.sleep(LEASE_SECONDS / len(self._nodes))
                with contextlib.suppress(KubeError):
                    patch = {"spec": _lease_spec(spec.name)}
                    await self._kubelet.patch(LEASES, spec.name, patch, LEASE_NAMESPACE)

    async def _settle(self, count: int) -> dict[str, Any]:
        """Until there are exactly so many VMIs, all of them Ready; gives their uids and mean size."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                vmis = list(self._vmis.all())
                if len(vmis) == count and all(is_ready(vmi) for vmi in vmis):
                    break
                self._changed.clear()
                await self._changed.wait()
        return {"vmis": [{"uid": uid_of(vmi), "name": name_of(vmi)} for vmi in sorted(vmis, key=name_of)]}

    async def _burst(self, uids: list[str], within: float, what: str) -> dict[str, Any]:
        """Write to all of them, evenly over the time, whether or not earlier writes were answered."""
        bodies = [self._vmis.get(uid) for uid in uids]
        began = time.monotonic()
        tasks = []
        for number, body in enumerate(bodies):
            if body is None:
                raise ValueError(f"VMI {uids[number]} is not there")
            await asyncio.sleep(max(0.0, began + number * within / len(bodies) - time.monotonic()))
            tasks.append(asyncio.create_task(self._write(body, what, number)))
        stamps = await asyncio.gather(*tasks)
        return {
            "writes": [
                {"uid": uid, "sent": sent, "answered": got} for uid, (sent, got) in zip(uids, stamps, strict=True)
            ]
        }

    async def _write(self, vmi: JsonObject, what: str, number: int) -> tuple[int, int]:
        """CLOCK_MONOTONIC before the write was sent, and when it was answered."""
        while True:
            new = fleet.failed(vmi, _wall()) if what == "fail" else fleet.touched(vmi, number)
            sent = time.monotonic_ns()
            try:
                await self._handler.replace(VMIS, new, namespace_of(vmi))
            except Conflict:
                # Our watch lags behind; what is measured is the write that came through.
                vmi = await self._handler.get(VMIS, name_of(vmi), namespace_of(vmi))
            else:
                return sent, time.monotonic_ns()

    def _vmi_changed(self, vmi: JsonObject) -> None:
        self._changed.set()
        uid = uid_of(vmi)
        if self._vmis.get(uid) is None:
            self._spawn(self._end_pod(vmi))
        elif phase_of(vmi) == "" and not deleting(vmi) and uid not in self._known:
            self._known.add(uid)
            self._spawn(self._bring_up(uid))

    async def _bring_up(self, uid: str) -> None:
        await asyncio.sleep(self._boot_seconds / 2)
        async with self._slots:
            while (vmi := self._vmis.get(uid)) is not None and not deleting(vmi) and phase_of(vmi) == "":
                try:
                    await self._start(vmi)
                except KubeError as error:
                    log.info("%s not brought up: %s", name_of(vmi), error)
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    return

    async def _start(self, vmi: JsonObject) -> None:
        node, now = self._nodes[zlib.crc32(uid_of(vmi).encode()) % len(self._nodes)].name, _wall()
        body = fleet.pod_of(vmi, node)
        try:
            pod = await self._handler.create(PODS, body, fleet.NAMESPACE)
        except AlreadyExists:
            pod = await self._kubelet.get(PODS, name_of(body), fleet.NAMESPACE)
        patch = running_patch(pod, Container(uid_of(vmi), now), now)
        if patch is not None:
            await self._kubelet.patch(PODS, name_of(pod), patch, fleet.NAMESPACE, subresource="status")
        # As with a real VM, its pod is seen well before it runs.
        await asyncio.sleep(self._boot_seconds / 2)
        await self._handler.replace(VMIS, fleet.running(vmi, node, uid_of(pod), _wall()), fleet.NAMESPACE)

    async def _end_pod(self, vmi: JsonObject) -> None:
        """The VMI is gone: so is its pod (nobody collects garbage here)."""
        with contextlib.suppress(NotFound):
            await self._kubelet.delete(PODS, fleet.pod_name(vmi), fleet.NAMESPACE, grace_seconds=0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _lease_spec(node: str) -> JsonObject:
    return {"holderIdentity": node, "leaseDurationSeconds": 40, "renewTime": micro_time(_wall())}


def _wall() -> datetime:
    return datetime.now(UTC)


async def main(kubeconfig: str, vms: int, boot_seconds: float) -> None:
    """Until standard input ends."""
    async with (
        await KubeClient.connect(kubeconfig, user_agent="virt-handler") as handler,
        await KubeClient.connect(kubeconfig, user_agent="kubelet") as kubelet,
    ):
        await StandIn(handler, kubelet, fleet.nodes(vms), boot_seconds).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
