"""The kubelet's part for launcher pods: containers become processes, their ends become pod statuses."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_CREATED_BY, KUBEVIRT_DOMAIN, KUBEVIRT_LAUNCHER_LABEL, KUBEVIRT_LAUNCHER_VALUE
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import Conflict, NotFound
from nfvi_ha.kube.resources import PODS
from nfvi_ha.lab.hypervisor.machines import LocalPod, Machines
from nfvi_ha.lab.hypervisor.pod_status import (
    KILLED,
    Container,
    Ended,
    container_exit_code,
    ended_patch,
    running_patch,
)
from nfvi_ha.lab.objects import JsonObject, deleting, labels_of, name_of, namespace_of, phase_of, uid_of
from nfvi_ha.lab.timings import LabTimings, draw
from nfvi_ha.lab.watched import Watched
from nfvi_ha.lab.workqueue import WorkQueue

log = logging.getLogger(__name__)

LauncherChange = Callable[[str], None]
"""Called with a VMI's uid when its launcher started, ended, or was asked to end."""


@dataclass(slots=True)
class _PodState:
    start_due: float
    """Monotonic time at which the container starts."""
    container: Container | None = None
    ended_due: float | None = None
    """Monotonic time at which the end of the container is reported."""
    ended: Ended | None = None
    kill_due: float | None = None


class Kubelet:
    """Level-triggered per pod. ``changed`` tells virt-handler what it would hear through the launcher's socket."""

    def __init__(
        self,
        client: KubeClient,
        node: str,
        machines: Machines,
        timings: LabTimings,
        random: Random,
        changed: LauncherChange,
    ) -> None:
        self._client = client
        self._machines = machines
        self._timings = timings
        self._random = random
        self._changed = changed
        self._states: dict[str, _PodState] = {}
        self._queue = WorkQueue("kubelet", self._reconcile)
        self.pods: Final = Watched(
            client, PODS, field_selector=f"spec.nodeName={node}", on_change=lambda obj: self._queue.add(uid_of(obj))
        )

    async def run(self) -> None:
        """For ever."""
        try:
            await self.pods.run()
        finally:
            await self._queue.close()

    async def _reconcile(self, key: object) -> float | None:
        uid = str(key)
        pod = self.pods.get(uid)
        local = self._machines.pods.get(uid)
        if pod is None:
            self._states.pop(uid, None)
            self._machines.forget(uid)
            return None
        if labels_of(pod).get(KUBEVIRT_LAUNCHER_LABEL) != KUBEVIRT_LAUNCHER_VALUE:
            return None
        now = time.monotonic()
        state = self._states.setdefault(uid, _PodState(start_due=now + self._timings.pod_start_seconds))
        if local is None:
            return await self._not_started(pod, state, now)
        if local.launcher is not None and local.launcher.running:
            return await self._running(pod, local, state, now)
        return await self._ended(pod, local, state, now)

    async def _not_started(self, pod: JsonObject, state: _PodState, now: float) -> float | None:
        if deleting(pod):
            await self._remove(pod)
        elif phase_of(pod) == "Pending":
            if now < state.start_due:
                return state.start_due - now
            uid, vmi_uid = uid_of(pod), labels_of(pod).get(KUBEVIRT_CREATED_BY, "")
            vmi_name = pod["metadata"]["annotations"][KUBEVIRT_DOMAIN]
            local = self._machines.start_pod(
                namespace_of(pod), name_of(pod), uid, vmi_name, vmi_uid, lambda: self._launcher_ended(uid, vmi_uid)
            )
            state.container = Container(local.container_id, _wall())
            return await self._running(pod, local, state, now)
        elif phase_of(pod) == "Running":
            # Its processes died with an earlier run of this hypervisor.
            lost = Container("", _wall())
            await self._write(pod, ended_patch(pod, lost, Ended(KILLED, _wall()), _wall()))
        return None

    async def _running(self, pod: JsonObject, local: LocalPod, state: _PodState, now: float) -> float | None:
        if deleting(pod):
            if state.kill_due is None:
                state.kill_due = now + float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
                local.shutdown_asked = True
                if local.launcher is not None and local.vm is None:
                    local.end_launcher()
                self._changed(local.vmi_uid)
            if now < state.kill_due:
                return state.kill_due - now
            for child in (local.vm, local.launcher):
                if child is not None:
                    child.kill()
            return None
        if state.container is not None:
            patch = running_patch(pod, state.container, _wall())
            if patch is not None:
                await self._write(pod, patch)
                self._changed(local.vmi_uid)
        return None

    async def _ended(self, pod: JsonObject, local: LocalPod, state: _PodState, now: float) -> float | None:
        if state.ended_due is None or state.ended is None or state.container is None:
            return None
        if now < state.ended_due:
            return state.ended_due - now
        if phase_of(pod) not in ("Succeeded", "Failed"):
            await self._write(pod, ended_patch(pod, state.container, state.ended, _wall()))
        elif deleting(pod):
            await self._remove(pod)
        return None

    def _launcher_ended(self, uid: str, vmi_uid: str) -> None:
        local, state = self._machines.pods.get(uid), self._states.get(uid)
        if local is None or local.launcher is None or state is None:
            return
        code = 0 if local.launcher_asked else container_exit_code(local.launcher.exit_code or 0)
        state.ended = Ended(code, _wall())
        state.ended_due = time.monotonic() + draw(self._timings.container_status_seconds, self._random)
        local.write_procs()
        log.info("launcher of %s/%s ended with %d", local.namespace, local.vmi_name, code)
        self._changed(vmi_uid)
        self._queue.add(uid)

    async def _write(self, pod: JsonObject, patch: JsonObject) -> None:
        await self._client.patch(PODS, name_of(pod), patch, namespace_of(pod), subresource="status")

    async def _remove(self, pod: JsonObject) -> None:
        """The kubelet's last word on a pod that was asked to go: all its containers have ended."""
        try:
            await self._client.delete(PODS, name_of(pod), namespace_of(pod), uid=uid_of(pod), grace_seconds=0)
        except (NotFound, Conflict):
            log.debug("pod %s/%s is gone already", namespace_of(pod), name_of(pod))


def _wall() -> datetime:
    return datetime.now(UTC)
