"""virt-controller's part: carries out ``vmi_steps`` for every VMI."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_CREATED_BY
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.kube.resources import PODS, VMIS
from nfvi_ha.lab.cluster.launcher_pod import launcher_pod
from nfvi_ha.lab.cluster.vmi_steps import (
    CreatePod,
    DeletePod,
    PatchPod,
    PatchVmi,
    ReplaceVmi,
    Step,
    next_steps,
)
from nfvi_ha.lab.objects import JsonObject, labels_of, name_of, namespace_of, uid_of
from nfvi_ha.lab.watched import Watched
from nfvi_ha.lab.workqueue import WorkQueue

log = logging.getLogger(__name__)


class VirtController:
    """Level-triggered per VMI. ``pod_changed`` is to be fed with every pod."""

    def __init__(self, client: KubeClient, wall_clock: Callable[[], datetime]) -> None:
        self._client = client
        self._wall_clock = wall_clock
        self._pods: dict[str, dict[str, JsonObject]] = {}
        self._expected: dict[str, str] = {}
        """VMI uid -> uid of a pod that was created and that the watch has not shown yet."""
        self._queue = WorkQueue("virt-controller", self._reconcile)
        self.vmis: Final = Watched(client, VMIS, on_change=lambda obj: self._queue.add(uid_of(obj)))

    async def run(self) -> None:
        """For ever."""
        try:
            await self.vmis.run()
        finally:
            await self._queue.close()

    def pod_changed(self, pod: JsonObject, *, gone: bool) -> None:
        """A pod came, changed or went."""
        vmi = labels_of(pod).get(KUBEVIRT_CREATED_BY)
        if not vmi:
            return
        uid = uid_of(pod)
        if self._expected.get(vmi) == uid:
            del self._expected[vmi]
        known = self._pods.setdefault(vmi, {})
        if gone:
            known.pop(uid, None)
            if not known:
                del self._pods[vmi]
        else:
            known[uid] = pod
        self._queue.add(vmi)

    async def _reconcile(self, key: object) -> float | None:
        uid = str(key)
        vmi = self.vmis.get(uid)
        if vmi is None:
            self._expected.pop(uid, None)
            return None
        if uid in self._expected:
            return None
        for step in next_steps(vmi, list(self._pods.get(uid, {}).values()), self._wall_clock()):
            await self._do(vmi, step)
        return None

    async def _do(self, vmi: JsonObject, step: Step) -> None:
        namespace = namespace_of(vmi)
        match step:
            case CreatePod():
                pod = await self._client.create(PODS, launcher_pod(vmi), namespace)
                if uid_of(pod) not in self._pods.get(uid_of(vmi), {}):
                    self._expected[uid_of(vmi)] = uid_of(pod)
            case DeletePod(name, uid):
                try:
                    await self._client.delete(PODS, name, namespace, uid=uid)
                except (NotFound, Conflict):
                    log.debug("pod %s/%s is gone already", namespace, name)
            case ReplaceVmi(body):
                await self._client.replace(VMIS, body, namespace)
            case PatchVmi(operations):
                await self._client.patch(VMIS, name_of(vmi), operations, namespace)
            case PatchPod(name, operations):
                await self._client.patch(PODS, name, operations, namespace, subresource="status")
