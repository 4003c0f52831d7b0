"""Which pod a process is in: two ways to read it."""

from pathlib import Path
from typing import Final, Protocol

from nfvi_ha.agent.probes.procfs import list_pids
from nfvi_ha.core.vmprocess.command import pod_uid

SYSTEM_CGROUPS: Final = Path("/sys/fs/cgroup")
PROCS: Final = "cgroup.procs"
_POD_PATTERNS: Final = ("kubepods/pod*/*", "kubepods/*/pod*/*")


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
        for pattern in _POD_PATTERNS:
            for directory in self._root.glob(pattern):
                uid = pod_uid(str(directory.relative_to(self._root)))
                pods.update(dict.fromkeys(_listed(directory / PROCS), uid))
        self._pods = pods
        return set(pods)

    def pod_of(self, pid: int) -> str:
        """As the last listing had it."""
        return self._pods.get(pid, "")


def _listed(file: Path) -> list[int]:
    try:
        return [int(word) for word in file.read_text().split() if word.isdecimal()]
    except OSError:
        return []  # a pod that has just gone, or a directory that is none of a container


def pods_reader(kind: str, procfs: Path, cgroup_root: Path) -> Pods:
    """The reader of that kind: "process", "directory" or "auto"."""
    directory = kind == "directory" or (kind == "auto" and cgroup_root != SYSTEM_CGROUPS)
    return DirectoryCgroups(cgroup_root) if directory else ProcessCgroups(procfs)
