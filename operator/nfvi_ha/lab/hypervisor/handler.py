"""virt-handler's part for the VMIs of one node: starts VM processes, tells of their ends, shuts guests down."""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from nfvi_ha.api.names import KUBEVIRT_NODE_NAME
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.recorder import EventRecorder
from nfvi_ha.kube.resources import VMIS
from nfvi_ha.lab.cluster.launcher_pod import grace_seconds
from nfvi_ha.lab.hypervisor import guest_status
from nfvi_ha.lab.hypervisor.machines import LocalPod, Machines
from nfvi_ha.lab.objects import JsonObject, deleting, name_of, namespace_of, phase_of, uid_of
from nfvi_ha.lab.quantity import whole
from nfvi_ha.lab.timings import LabTimings, draw
from nfvi_ha.lab.watched import Watched
from nfvi_ha.lab.workqueue import WorkQueue

log = logging.getLogger(__name__)

FINAL: Final = ("Succeeded", "Failed")


@dataclass(slots=True)
class _Guest:
    """What this handler knows of one VM. All times are monotonic seconds."""

    pod: LocalPod
    boot_due: float
    launcher_lost: bool = False
    end_due: float | None = None
    """When its end may be reported: after libvirt's event, or after the launcher was given up."""
    kill_due: float | None = None
    launcher_end_due: float | None = None
    io_error: bool = False


class VirtHandler:
    """Level-triggered per VMI."""

    def __init__(
        self,
        client: KubeClient,
        recorder: EventRecorder,
        node: str,
        machines: Machines,
        timings: LabTimings,
        random: Random,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._machines = machines
        self._timings = timings
        self._random = random
        self._guests: dict[str, _Guest] = {}
        self._queue = WorkQueue("virt-handler", self._reconcile)
        self.vmis: Final = Watched(
            client,
            VMIS,
            label_selector=f"{KUBEVIRT_NODE_NAME}={node}",
            on_change=lambda obj: self._queue.add(uid_of(obj)),
        )

    async def run(self) -> None:
        """For ever."""
        try:
            await self.vmis.run()
        finally:
            await self._queue.close()

    def launcher_changed(self, vmi_uid: str) -> None:
        """The VMI's launcher started, ended or was asked to end."""
        guest = self._guests.get(vmi_uid)
        if guest is not None:
            launcher = guest.pod.launcher
            if launcher is not None and not launcher.running and not guest.pod.launcher_asked:
                self._launcher_lost(guest)
        self._queue.add(vmi_uid)

    def set_io_error(self, vmi_uid: str, *, present: bool) -> bool:
        """Freeze the VM on an I/O error, or thaw it; whether there is such a VM here."""
        guest = self._guests.get(vmi_uid)
        if guest is None:
            return False
        guest.io_error = present
        self._queue.add(vmi_uid)
        return True

    async def _reconcile(self, key: object) -> float | None:
        uid = str(key)
        vmi, guest, now = self.vmis.get(uid), self._guests.get(uid), time.monotonic()
        if guest is None:
            return await self._begin(vmi, now) if vmi is not None else None
        if vmi is None or phase_of(vmi) in FINAL:
            return self._clean_up(uid, guest, gone=vmi is None, now=now)
        self._shut_down_if_asked(vmi, guest, now)
        if guest.launcher_lost or guest.pod.vm is None or not guest.pod.vm.running:
            return await self._ended(vmi, guest, now)
        if phase_of(vmi) == "Scheduled":
            if now < guest.boot_due:
                return guest.boot_due - now
            await self._put(guest_status.running(vmi, _wall()))
            self._event(vmi, "Normal", "Started", "VirtualMachineInstance started.")
            return _until(guest.kill_due, now)
        changed = guest_status.paused(vmi, _wall(), wanted=guest.io_error)
        if changed is not None:
            await self._put(changed)
            if guest.io_error:
                self._event(vmi, "Warning", "IOerror", "VM Paused due to IO error at the volume: rootdisk")
        return _until(guest.kill_due, now)

    async def _begin(self, vmi: JsonObject, now: float) -> float | None:
        uid = uid_of(vmi)
        pod = self._machines.of_vmi(uid)
        if phase_of(vmi) == "Running" or (phase_of(vmi) == "Scheduled" and pod is None):
            # It ran, or was to run, in an earlier life of this hypervisor.
            await self._put(guest_status.ended(vmi, guest_status.CRASHED, _wall()))
            self._event(vmi, "Warning", "Stopped", guest_status.CRASHED.note)
            return None
        up = pod is not None and pod.launcher is not None and pod.launcher.running
        if pod is None or not up or phase_of(vmi) != "Scheduled" or deleting(vmi) or pod.shutdown_asked:
            return None
        memory = (vmi["spec"]["domain"].get("memory") or {}).get("guest") or "64Mi"
        firmware = str(uuid.uuid5(uuid.NAMESPACE_DNS, name_of(vmi)))
        self._machines.start_vm(pod, whole(memory) // 2**20, firmware, lambda: self._vm_ended(uid))
        self._guests[uid] = _Guest(pod, boot_due=now + self._timings.boot_seconds)
        return self._timings.boot_seconds

    def _shut_down_if_asked(self, vmi: JsonObject, guest: _Guest, now: float) -> None:
        vm = guest.pod.vm
        if vm is None or not vm.running or not (deleting(vmi) or guest.pod.shutdown_asked):
            return
        if guest.kill_due is None:
            guest.kill_due = now + grace_seconds(vmi)
            vm.terminate()
        elif now >= guest.kill_due:
            vm.kill()

    async def _ended(self, vmi: JsonObject, guest: _Guest, now: float) -> float | None:
        if guest.end_due is None:
            return None
        if now < guest.end_due:
            return guest.end_due - now
        vm = guest.pod.vm
        code = vm.exit_code if vm is not None else None
        end = guest_status.how_it_ended(-9 if code is None else code, launcher_lost=guest.launcher_lost)
        await self._put(guest_status.ended(vmi, end, _wall()))
        self._event(vmi, end.event_type, "Stopped", end.note)
        log.info("%s/%s ended (exit %s): %s", namespace_of(vmi), name_of(vmi), code, end.phase)
        return None

    def _clean_up(self, uid: str, guest: _Guest, *, gone: bool, now: float) -> float | None:
        """The VMI is final or gone: nothing of it may run on, and the launcher ends by itself."""
        vm = guest.pod.vm
        if vm is not None and vm.running:
            vm.kill()
        launcher = guest.pod.launcher
        if launcher is not None and launcher.running:
            if guest.launcher_end_due is None:
                guest.launcher_end_due = now + draw(self._timings.launcher_exit_seconds, self._random)
            if now < guest.launcher_end_due:
                return guest.launcher_end_due - now
            guest.pod.end_launcher()
        if gone:
            self._guests.pop(uid, None)
        return None

    def _vm_ended(self, uid: str) -> None:
        guest = self._guests.get(uid)
        if guest is None:
            return
        guest.pod.write_procs()
        if guest.end_due is None:
            guest.end_due = time.monotonic() + draw(self._timings.stopped_event_seconds, self._random)
        self._queue.add(uid)

    def _launcher_lost(self, guest: _Guest) -> None:
        """No notification comes any more; the launcher's monitor takes qemu down, and a watchdog finds out."""
        if guest.launcher_lost:
            return
        guest.launcher_lost = True
        guest.end_due = time.monotonic() + draw(self._timings.launcher_watchdog_seconds, self._random)
        if guest.pod.vm is not None:
            guest.pod.vm.terminate()

    async def _put(self, vmi: JsonObject) -> None:
        await self._client.replace(VMIS, vmi, namespace_of(vmi))

    def _event(self, vmi: JsonObject, kind: guest_status.EventType, reason: str, note: str) -> None:
        regarding = {
            "apiVersion": VMIS.api_version,
            "kind": VMIS.kind,
            "namespace": namespace_of(vmi),
            "name": name_of(vmi),
            "uid": uid_of(vmi),
        }
        self._recorder.emit(regarding, kind, reason, note, "Observing")


def _until(due: float | None, now: float) -> float | None:
    return None if due is None else max(0.0, due - now)


def _wall() -> datetime:
    return datetime.now(UTC)
