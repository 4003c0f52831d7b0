"""The pods of one node that run here: their processes, and the directory that shows them as a kubelet's cgroups would.

``<node>/kubepods/burstable/pod<uid>/<container id>/cgroup.procs`` lists the pids of the launcher and of the VM, in the
shape of a kubelet with the cgroupfs driver. These are plain files, not cgroups: nothing in the lab needs limits, and
real cgroups would outlive a lab that is killed.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from nfvi_ha.lab.hypervisor.child import ChildProcess
from nfvi_ha.lab.hypervisor.standin import install_standin

QEMU: Final = "qemu-system-x86_64"
LAUNCHER: Final = "virt-launcher"
PROCS: Final = "cgroup.procs"


class LocalPod:
    """One launcher pod on this node, from the start of its container to the end of its object."""

    def __init__(self, namespace: str, name: str, uid: str, vmi_name: str, vmi_uid: str, directory: Path) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.vmi_name = vmi_name
        self.vmi_uid = vmi_uid
        self.container_id = hashlib.sha256(uid.encode()).hexdigest()
        self.directory = directory / f"pod{uid}" / self.container_id
        self.launcher: ChildProcess | None = None
        self.vm: ChildProcess | None = None
        self.launcher_asked = False
        """Whether the launcher was told to end (else its end is a crash)."""
        self.shutdown_asked = False
        """Whether the pod is to go, so that the guest has to shut down."""

    def end_launcher(self) -> None:
        """Let the launcher exit 0, as it does by itself once its VM is gone and that was told."""
        if self.launcher is not None and self.launcher.running:
            self.launcher_asked = True
            self.launcher.terminate()

    def write_procs(self) -> None:
        """Bring the pid list up to date."""
        pids = [str(child.pid) for child in (self.launcher, self.vm) if child is not None and child.running]
        # A process may be seen to end after its pod was forgotten.
        with contextlib.suppress(FileNotFoundError):
            (self.directory / PROCS).write_text("".join(f"{pid}\n" for pid in pids))


class Machines:
    """Starts and ends the processes of a node's pods. Not thread-safe; belongs to one event loop."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "kubepods" / "burstable"
        # What an earlier run of this hypervisor left: its processes died with it.
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True, exist_ok=True)
        self._qemu = install_standin(directory / "bin" / QEMU)
        self._launcher = install_standin(directory / "bin" / LAUNCHER)
        self._pods: dict[str, LocalPod] = {}

    @property
    def pods(self) -> Mapping[str, LocalPod]:
        """The pods with processes or a directory here, by uid."""
        return self._pods

    def of_vmi(self, vmi_uid: str) -> LocalPod | None:
        """The VMI's newest pod here."""
        return next((pod for pod in reversed(self._pods.values()) if pod.vmi_uid == vmi_uid), None)

    def start_pod(
        self, namespace: str, name: str, uid: str, vmi_name: str, vmi_uid: str, on_exit: Callable[[], None]
    ) -> LocalPod:
        """Start the pod's launcher process.

        Raises:
            OSError: the process cannot be started.
        """
        pod = LocalPod(namespace, name, uid, vmi_name, vmi_uid, self._root)
        pod.directory.mkdir(parents=True, exist_ok=True)
        argv = ["/usr/bin/virt-launcher", "--name", vmi_name, "--uid", vmi_uid, "--namespace", namespace]
        pod.launcher = ChildProcess.start(self._launcher, argv, pod.directory, on_exit)
        self._pods[uid] = pod
        pod.write_procs()
        return pod

    def start_vm(self, pod: LocalPod, memory_mib: int, firmware_uuid: str, on_exit: Callable[[], None]) -> ChildProcess:
        """Start the pod's VM process.

        Raises:
            OSError: the process cannot be started.
        """
        argv = qemu_command(pod.namespace, pod.vmi_name, firmware_uuid, memory_mib)
        pod.vm = ChildProcess.start(self._qemu, argv, pod.directory, on_exit)
        pod.write_procs()
        return pod.vm

    def forget(self, uid: str) -> None:
        """Kill what still runs of the pod and remove its directory."""
        pod = self._pods.pop(uid, None)
        if pod is None:
            return
        for child in (pod.vm, pod.launcher):
            if child is not None:
                child.kill()
        shutil.rmtree(pod.directory.parent, ignore_errors=True)

    def kill_all(self) -> None:
        """Kill every process here, e.g. at the end of the lab."""
        for uid in list(self._pods):
            self.forget(uid)


def qemu_command(namespace: str, name: str, firmware_uuid: str, memory_mib: int) -> list[str]:
    """The command line that libvirt gives qemu under KubeVirt, as far as anybody reads it."""
    return [
        f"/usr/bin/{QEMU}",
        "-name", f"guest={namespace}_{name},debug-threads=on",
        "-S",
        "-machine", "pc-q35-rhel9.6.0,usb=off,dump-guest-core=off,memory-backend=pc.ram",
        "-m", f"size={memory_mib * 1024}k",
        "-uuid", firmware_uuid,
        "-no-user-config", "-nodefaults",
    ]  # fmt: skip
