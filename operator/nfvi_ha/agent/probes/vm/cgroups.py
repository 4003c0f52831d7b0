"""Which pod a process is in: two ways to read it."""

import os
from pathlib import Path
from typing import Final, Protocol

from nfvi_ha.agent.probes.procfs import list_pids
from nfvi_ha.core.vmprocess.command import pod_uid

SYSTEM_CGROUPS: Final = Path("/sys/fs/cgroup")
PROCS: Final = "cgroup.procs"
KUBEPODS: Final = "kubepods"
_PROCS_BYTES: Final = 1 << 16


class Pods(Protocol):
    """Tells processes of pods."""

    def pids(self) -> set[int]:
        """All processes that may be in a pod.

        Raises:
            OSError: they cannot be listed.
        """

    def pod_of(self, pid: int) -> str:
        """The uid of its pod; "" if it is in none, or gone."""


class ProcessCgroups:
    """By ``<procfs>/<pid>/cgroup``, as on a real hypervisor."""

    def __init__(self, procfs: Path) -> None:
        self._procfs = procfs

    def pids(self) -> set[int]:
        """All processes of the hypervisor."""
        return list_pids(self._procfs)

    def pod_of(self, pid: int) -> str:
        """Of any controller's line, in whichever shape the kubelet gives it."""
        try:
            return pod_uid(Path(f"{self._procfs}/{pid}/cgroup").read_text(errors="replace"))
        except OSError:
            return ""


class DirectoryCgroups:
    """By the ``cgroup.procs`` files below a directory; in the lab they are plain files in the shape of cgroups.

    Several simulated hypervisors share one process table, and only these files tell their processes apart.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pods: dict[int, str] = {}

    def pids(self) -> set[int]:
        """Those that the files list now."""
        pods: dict[int, str] = {}
        top = str(self._root / KUBEPODS)
        for quality in (top, *(f"{top}/{name}" for name in _names(top))):
            for name in _names(quality):
                if uid := pod_uid(name):
                    containers = (f"{quality}/{name}/{container}" for container in _names(f"{quality}/{name}"))
                    pods.update((pid, uid) for container in containers for pid in _listed(f"{container}/{PROCS}"))
        self._pods = pods
        return set(pods)

    def pod_of(self, pid: int) -> str:
        """As the last listing had it."""
        return self._pods.get(pid, "")


def _names(directory: str) -> list[str]:
    # Strings and not paths: this is half of the probe's cost in a lab, once a second over all its pods.
    try:
        return os.listdir(directory)
    except OSError:
        return []  # a pod that has just gone, or a file


def _listed(file: str) -> list[int]:
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return [int(word) for word in os.read(fd, _PROCS_BYTES).split() if word.isdigit()]
    except OSError:
        return []  # a cgroup that was removed meanwhile
    finally:
        os.close(fd)


def pods_reader(kind: str, procfs: Path, cgroup_root: Path) -> Pods:
    """The reader of that kind: "process", "directory" or "auto"."""
    directory = kind == "directory" or (kind == "auto" and cgroup_root != SYSTEM_CGROUPS)
    return DirectoryCgroups(cgroup_root) if directory else ProcessCgroups(procfs)
