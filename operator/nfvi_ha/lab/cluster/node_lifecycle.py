"""The node lifecycle controller's part: nodes whose Lease went silent are Unknown, tainted, and lose their pods.

kube-controller-manager could do this, but the lab runs it without, so that its times are the lab's and the same on
every Kubernetes version.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, KubeError, NotFound
from nfvi_ha.kube.resources import LEASES, NODES, PODS
from nfvi_ha.lab.cluster.placement import tolerates
from nfvi_ha.lab.objects import (
    JsonObject,
    api_time,
    condition_of,
    conditions_of,
    deleting,
    name_of,
    namespace_of,
    phase_of,
    uid_of,
    with_condition,
)
from nfvi_ha.lab.timings import LabTimings
from nfvi_ha.lab.watched import Watched

log = logging.getLogger(__name__)

UNREACHABLE: Final = "node.kubernetes.io/unreachable"
NOT_READY: Final = "node.kubernetes.io/not-ready"
_OURS: Final = (UNREACHABLE, NOT_READY)


@dataclass(slots=True)
class _Lease:
    renewed: str
    heard_at: float
    """Monotonic time at which the last renewal arrived here; clocks of nodes are not compared."""


class NodeLifecycle:
    """Looks at all nodes in a fixed rhythm."""

    def __init__(
        self, client: KubeClient, nodes: Watched, pods: Watched, timings: LabTimings, wall_clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._pods = pods
        self._timings = timings
        self._wall_clock = wall_clock
        self._leases: dict[str, _Lease] = {}
        self._tainted_at: dict[str, float] = {}
        self.leases: Final = Watched(client, LEASES, namespace="kube-node-lease", on_change=self._lease_changed)

    async def run(self) -> None:
        """For ever."""
        await self.leases.wait_synced()
        while True:
            for node in list(self._nodes.all()):
                try:
                    await self.look_at(node)
                except KubeError as error:
                    log.info("node %s: %s", name_of(node), error)
            await asyncio.sleep(self._timings.node_monitor_seconds)

    def _lease_changed(self, lease: JsonObject) -> None:
        renewed = str((lease.get("spec") or {}).get("renewTime"))
        known = self._leases.get(name_of(lease))
        if known is None or known.renewed != renewed:
            self._leases[name_of(lease)] = _Lease(renewed, time.monotonic())

    async def look_at(self, node: JsonObject) -> None:
        """Bring conditions, taints and pods of one node in line with the age of its Lease.

        Raises:
            KubeError: a write failed; the next look tries again.
        """
        name, now = name_of(node), time.monotonic()
        lease = self._leases.get(name)
        silent = lease is None or now - lease.heard_at > self._timings.node_grace_seconds
        ready = condition_of(node, "Ready")
        if silent and ready is not None and ready.get("status") != "Unknown":
            log.info("node %s went silent", name)
            await self._mark_unknown(node)
        elif ready is not None:
            await self._taint(node, UNREACHABLE if silent else None if ready.get("status") == "True" else NOT_READY)
        if silent and ready is not None:
            self._tainted_at.setdefault(name, now)
            await self._evict(name, now - self._tainted_at[name])
        else:
            self._tainted_at.pop(name, None)

    async def _mark_unknown(self, node: JsonObject) -> None:
        now = self._wall_clock()
        unknown = {
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
        }
        conditions = [{**item, **unknown, "lastTransitionTime": api_time(now)} for item in conditions_of(node)]
        body = {
            "metadata": {"resourceVersion": node["metadata"]["resourceVersion"]},
            "status": {"conditions": conditions},
        }
        written = await self._client.patch(NODES, name_of(node), body, subresource="status")
        await self._taint(written, UNREACHABLE)
        for pod in self._on(name_of(node)):
            if (condition_of(pod, "Ready") or {}).get("status") == "True":
                await self._unready(pod, now)

    async def _unready(self, pod: JsonObject, now: datetime) -> None:
        condition = {"type": "Ready", "status": "False", "reason": "NodeNotReady", "message": "Node is not ready"}
        body = {
            "metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]},
            "status": {"conditions": with_condition(conditions_of(pod), condition, now)},
        }
        try:
            await self._client.patch(PODS, name_of(pod), body, namespace_of(pod), subresource="status")
        except (NotFound, Conflict) as error:
            log.info("pod %s/%s: %s", namespace_of(pod), name_of(pod), error)

    async def _taint(self, node: JsonObject, key: str | None) -> None:
        """Exactly the taints of that key (NoSchedule and NoExecute) among ours; everybody else's stay."""
        old = (node.get("spec") or {}).get("taints") or []
        kept = [taint for taint in old if taint["key"] not in _OURS]
        have = {(taint["key"], taint["effect"]) for taint in old if taint["key"] in _OURS}
        want = {(key, effect) for effect in ("NoSchedule", "NoExecute")} if key else set()
        if have == want:
            return
        stamp = api_time(self._wall_clock())
        taints = [*kept, *({"key": k, "effect": effect, "timeAdded": stamp} for k, effect in sorted(want))]
        body = {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}, "spec": {"taints": taints}}
        await self._client.patch(NODES, name_of(node), body)

    async def _evict(self, node: str, tainted_seconds: float) -> None:
        """Ask for the deletion of pods that tolerate the taint no longer: a plain delete, as the taint manager does."""
        for pod in self._on(node):
            taint = (UNREACHABLE, "", "NoExecute")
            bounds = [
                item.get("tolerationSeconds") for item in pod["spec"].get("tolerations") or [] if tolerates(item, taint)
            ]
            limits = [float(bound) for bound in bounds if bound is not None]
            tolerated = min(limits) if limits else (float("inf") if bounds else 0.0)
            if tainted_seconds > tolerated and not deleting(pod):
                log.info("pod %s/%s is evicted from silent node %s", namespace_of(pod), name_of(pod), node)
                try:
                    await self._client.delete(PODS, name_of(pod), namespace_of(pod), uid=uid_of(pod))
                except (NotFound, Conflict):
                    log.debug("pod %s/%s is gone already", namespace_of(pod), name_of(pod))

    def _on(self, node: str) -> list[JsonObject]:
        return [
            pod
            for pod in self._pods.all()
            if pod["spec"].get("nodeName") == node and phase_of(pod) not in ("Succeeded", "Failed")
        ]
