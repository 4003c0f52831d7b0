"""kube-scheduler's part: binds pending pods to nodes that have room for them."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.kube.resources import PODS
from nfvi_ha.lab.cluster.placement import NodeSlot, PodSlot, Unschedulable, node_slot, place, pod_slot
from nfvi_ha.lab.objects import (
    JsonObject,
    conditions_of,
    deleting,
    name_of,
    namespace_of,
    same_conditions,
    uid_of,
    with_condition,
)
from nfvi_ha.lab.workqueue import WorkQueue

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
"""A pod that found no node is tried again then, should no change have woken it before."""


class Scheduler:
    """Keeps its own account of what is taken, so that a binding counts before the watch has shown it."""

    def __init__(self, client: KubeClient, wall_clock: Callable[[], datetime]) -> None:
        self._client = client
        self._wall_clock = wall_clock
        self._nodes: dict[str, NodeSlot] = {}
        self._pods: dict[str, PodSlot] = {}
        self._waiting: dict[str, JsonObject] = {}
        self._assumed: dict[str, str] = {}
        self._queue = WorkQueue("scheduler", self._schedule)

    def node_changed(self, node: JsonObject, *, gone: bool) -> None:
        """A node came, changed or went."""
        name = name_of(node)
        slot = None if gone else node_slot(node)
        if slot == self._nodes.get(name):
            return
        if slot is None:
            self._nodes.pop(name, None)
        else:
            self._nodes[name] = slot
        self._wake_waiting()

    def pod_changed(self, pod: JsonObject, *, gone: bool) -> None:
        """A pod came, changed or went."""
        uid = uid_of(pod)
        slot = None if gone else pod_slot(pod)
        if slot is None:
            self._waiting.pop(uid, None)
            self._assumed.pop(uid, None)
            if self._pods.pop(uid, None) is not None:
                self._wake_waiting()
            return
        self._pods[uid] = slot
        if slot.node:
            self._assumed.pop(uid, None)
            self._waiting.pop(uid, None)
        elif deleting(pod):
            self._waiting.pop(uid, None)
        elif uid not in self._assumed:
            new = uid not in self._waiting
            self._waiting[uid] = pod
            if new:
                self._queue.add(uid)

    async def close(self) -> None:
        """Stop scheduling."""
        await self._queue.close()

    def _wake_waiting(self) -> None:
        for uid in self._waiting:
            self._queue.add(uid)

    def _placed(self) -> list[PodSlot]:
        return [
            pod if pod.node else _at(pod, self._assumed[uid])
            for uid, pod in self._pods.items()
            if pod.node or uid in self._assumed
        ]

    async def _schedule(self, key: object) -> float | None:
        uid = str(key)
        pod, slot = self._waiting.get(uid), self._pods.get(uid)
        if pod is None or slot is None or uid in self._assumed:
            return None
        choice = place(slot, list(self._nodes.values()), self._placed())
        if isinstance(choice, Unschedulable):
            await self._tell_unschedulable(pod, choice)
            return RETRY_SECONDS
        self._assumed[uid] = choice
        try:
            await self._bind(pod, choice)
        except (NotFound, Conflict) as error:
            # Deleted, or bound by somebody else: the watch will say which. An etcd that went away in the middle of a
            # binding is told as a conflict, too, and no watch will tell of that: so it is tried again.
            log.info("%s/%s was not bound: %s", namespace_of(pod), name_of(pod), error)
            self._assumed.pop(uid, None)
            return RETRY_SECONDS
        except BaseException:
            self._assumed.pop(uid, None)
            raise
        return None

    async def _bind(self, pod: JsonObject, node: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        await self._client.create(PODS, body, namespace_of(pod), name=name_of(pod), subresource="binding")

    async def _tell_unschedulable(self, pod: JsonObject, why: Unschedulable) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why.message}
        conditions = with_condition(conditions_of(pod), condition, self._wall_clock())
        if same_conditions(conditions, conditions_of(pod)):
            return
        body = {
            "metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]},
            "status": {"conditions": conditions},
        }
        log.info("%s/%s: %s", namespace_of(pod), name_of(pod), why.message)
        self._waiting[uid_of(pod)] = await self._client.patch(
            PODS, name_of(pod), body, namespace_of(pod), subresource="status"
        )


def _at(pod: PodSlot, node: str) -> PodSlot:
    return PodSlot(pod.uid, pod.namespace, pod.labels, pod.requests, node=node, anti_affinity=pod.anti_affinity)
