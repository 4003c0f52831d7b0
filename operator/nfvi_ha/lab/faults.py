"""Faults on demand. Each is made for real where a process can feel it, and stamped just before it is made."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from nfvi_ha.api.names import FINALIZER_EVIDENCE, KUBEVIRT_CREATED_BY
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import NODES, PODS, VMIS
from nfvi_ha.lab import control
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.hypervisor.machines import LAUNCHER, PROCS, QEMU
from nfvi_ha.lab.nfvi import Hosts
from nfvi_ha.lab.objects import JsonObject, condition_of, name_of, namespace_of, pod_down, uid_of

COMM_LENGTH: Final = 15
"""The kernel keeps so many characters of a process's name."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault that was made. ``at`` is CLOCK_MONOTONIC in nanoseconds, comparable within this machine only."""

    kind: str
    target: str
    """Namespace/name of the VMI or pod, or the node's name."""
    at: int
    wall: datetime

    @classmethod
    def now(cls, kind: str, target: str, at: int | None = None) -> Self:
        """One that is made at this moment, or was at ``at``."""
        return cls(kind, target, time.monotonic_ns() if at is None else at, datetime.now(UTC))


class Faults:
    """The faults of one NFVI."""

    def __init__(self, hosts: Hosts, client: KubeClient) -> None:
        self._hosts = hosts
        self._client = client

    def kill_vm(self, vmi: JsonObject) -> Injection:
        """SIGKILL the VM's process.

        Raises:
            LabFailed: it has no process.
        """
        with self._process(vmi, QEMU) as process:
            return _made("vm-kill", vmi, lambda: signal.pidfd_send_signal(process, signal.SIGKILL))

    def kill_launcher(self, vmi: JsonObject) -> Injection:
        """SIGKILL the launcher of the VM; its monitor takes the VM down.

        Raises:
            LabFailed: it has no process.
        """
        with self._process(vmi, LAUNCHER) as process:
            return _made("launcher-kill", vmi, lambda: signal.pidfd_send_signal(process, signal.SIGKILL))

    def shut_down_guest(self, vmi: JsonObject) -> Injection:
        """Let the guest shut itself down, as its user would from inside.

        Raises:
            LabFailed: it has no process.
        """
        with self._process(vmi, QEMU) as process:
            return _made("guest-shutdown", vmi, lambda: signal.pidfd_send_signal(process, signal.SIGTERM))

    async def pause_on_io_error(self, vmi: JsonObject) -> Injection:
        """Freeze the VM on a storage I/O error.

        Raises:
            ControlFailed: its hypervisor did not do it.
        """
        stamp = _stamp("storage-pause", vmi)
        await control.ask(self._directory(vmi), {"do": "io-error", "vmi": uid_of(vmi)})
        return stamp

    async def resume(self, vmi: JsonObject) -> Injection:
        """Thaw it again.

        Raises:
            ControlFailed: its hypervisor did not do it.
        """
        stamp = _stamp("storage-resume", vmi)
        await control.ask(self._directory(vmi), {"do": "io-recovered", "vmi": uid_of(vmi)})
        return stamp

    async def delete_pod(self, vmi: JsonObject, *, force: bool) -> Injection:
        """Delete the VM's launcher pod: with its grace period, or so that the object vanishes at once.

        Raises:
            LabFailed: it has no pod that is up.
        """
        pod = await self._pod(vmi)
        stamp = _stamp("pod-lost" if force else "pod-delete", vmi)
        await self._client.delete(
            PODS, name_of(pod), namespace_of(pod), uid=uid_of(pod), grace_seconds=0 if force else None
        )
        return stamp

    async def delete_vmi(self, vmi: JsonObject) -> Injection:
        """Delete the VMI, as its owner may: not a fault."""
        stamp = _stamp("vmi-delete", vmi)
        await self._client.delete(VMIS, name_of(vmi), namespace_of(vmi), uid=uid_of(vmi))
        return stamp

    async def release(self, vmi: JsonObject) -> Injection:
        """Delete a VMI whose end nobody can prove, as an administrator who knows better: its finalizer is taken off."""
        stamp = await self.delete_vmi(vmi)
        with contextlib.suppress(NotFound):
            now = await self._client.get(VMIS, name_of(vmi), namespace_of(vmi))
            finalizers = [item for item in now["metadata"].get("finalizers") or [] if item != FINALIZER_EVIDENCE]
            body = {"metadata": {"resourceVersion": now["metadata"]["resourceVersion"], "finalizers": finalizers}}
            await self._client.patch(VMIS, name_of(vmi), body, namespace_of(vmi))
        return stamp

    def freeze_node(self, node: str) -> Injection:
        """Stop the node's kubelet and virt-handler; its VMs run on and its Lease goes stale."""
        stamp = Injection("handler-freeze", node, time.monotonic_ns(), datetime.now(UTC))
        self._hosts.freeze(node)
        return stamp

    async def wait_node_unknown(self, node: str, timeout_seconds: float) -> None:
        """Until the API shows a frozen node as Unknown.

        Raises:
            LabFailed: not in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while (condition_of(await self._client.get(NODES, node), "Ready") or {}).get("status") != "Unknown":
            if time.monotonic() > deadline:
                raise LabFailed(f"node {node} was not Unknown within {timeout_seconds:.0f} s")
            await asyncio.sleep(0.2)

    def unfreeze_node(self, node: str) -> Injection:
        """Let them go on."""
        stamp = Injection("handler-thaw", node, time.monotonic_ns(), datetime.now(UTC))
        self._hosts.unfreeze(node)
        return stamp

    def vm_alive(self, vmi: JsonObject) -> bool:
        """Whether the VM's process runs, whatever the API says."""
        return self._pid(vmi, QEMU) is not None

    async def _pod(self, vmi: JsonObject) -> JsonObject:
        selector = f"{KUBEVIRT_CREATED_BY}={uid_of(vmi)}"
        pods = await self._client.list(PODS, namespace_of(vmi), label_selector=selector)
        up = [pod for pod in pods if not pod_down(pod)]
        if not up:
            raise LabFailed(f"{namespace_of(vmi)}/{name_of(vmi)} has no launcher pod that is up")
        return up[0]

    def _directory(self, vmi: JsonObject) -> Path:
        node = (vmi.get("status") or {}).get("nodeName")
        if not node:
            raise LabFailed(f"{namespace_of(vmi)}/{name_of(vmi)} is on no node")
        return self._hosts.directory(node)

    def _pid(self, vmi: JsonObject, program: str) -> int | None:
        pods = self._directory(vmi) / "kubepods" / "burstable"
        for uid in (vmi.get("status") or {}).get("activePods") or {}:
            for procs in (pods / f"pod{uid}").glob(f"*/{PROCS}"):
                for pid in map(int, procs.read_text().split()):
                    if _is_running(pid, program):
                        return pid
        return None

    @contextmanager
    def _process(self, vmi: JsonObject, program: str) -> Iterator[int]:
        """A pidfd of the VMI's process of that name."""
        pid = self._pid(vmi, program)
        if pid is None:
            raise LabFailed(f"{namespace_of(vmi)}/{name_of(vmi)} has no {program} process")
        descriptor = os.pidfd_open(pid)
        try:
            # Looked at again behind the pidfd: the id cannot have passed to another process from here on.
            if not _is_running(pid, program):
                raise LabFailed(f"{program} of {namespace_of(vmi)}/{name_of(vmi)} has just ended")
            yield descriptor
        finally:
            os.close(descriptor)


def _is_running(pid: int, program: str) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name == program[:COMM_LENGTH] and rest.split()[0] not in "ZX"


def _stamp(kind: str, obj: JsonObject) -> Injection:
    return Injection(kind, f"{namespace_of(obj)}/{name_of(obj)}", time.monotonic_ns(), datetime.now(UTC))


def _made(kind: str, vmi: JsonObject, make: Callable[[], None]) -> Injection:
    stamp = _stamp(kind, vmi)
    make()
    return stamp
