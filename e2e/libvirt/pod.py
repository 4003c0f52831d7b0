"""What a virt-launcher pod is to the agent: a cgroup with the pod's uid in its path, and a virt-launcher in it.

The cgroup is real. The launcher is the lab's stand-in: it has the process name and the command line of KubeVirt's,
which say whose the qemu in that cgroup is, and does nothing.
"""

import contextlib
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from libvirt.waiting import until
from nfvi_ha.lab.hypervisor.standin import install_standin

HIERARCHIES: Final = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
"""cgroup v2, or hybrid, or v1: the first that is there."""
PROCS: Final = "cgroup.procs"
TOP: Final = f"nfvi-ha-e2e-{os.getpid()}"


def hierarchy() -> Path | None:
    """A hierarchy of cgroups in which we may make some; None if there is none."""
    for text in HIERARCHIES:
        root = Path(text)
        if (root / PROCS).exists() and os.access(root / PROCS, os.W_OK):
            return root
    return None


class Pod:
    """One VMI's."""

    def __init__(self, namespace: str, name: str, program: Path) -> None:
        root = hierarchy()
        assert root is not None, "no cgroups that we may change"
        self.vmi_uid = str(uuid.uuid4())
        self.uid = str(uuid.uuid4())
        self._root = root
        self._top = root / TOP
        self._container = self._top / "kubepods" / "burstable" / f"pod{self.uid}" / "compute"
        self._container.mkdir(parents=True)
        argv = ["/usr/bin/virt-launcher", "--name", name, "--uid", self.vmi_uid, "--namespace", namespace]
        self._launcher = subprocess.Popen(argv, executable=install_standin(program))
        self._put(self._launcher.pid)

    @contextlib.contextmanager
    def holding(self, pid: int) -> Iterator[None]:
        """This process is in the pod meanwhile, so that what it starts is, too."""
        self._put(pid)
        try:
            yield
        finally:
            (self._root / PROCS).write_text(str(pid))

    async def close(self) -> None:
        """Nothing is left of it. Its processes but the launcher must have ended."""
        self._launcher.kill()
        self._launcher.wait()
        await until(lambda: not (self._container / PROCS).read_text(), "the pod to be empty")
        place = self._container
        while place != self._root:
            try:
                place.rmdir()
            except OSError:
                break  # another pod is there, too
            place = place.parent

    def _put(self, pid: int) -> None:
        (self._container / PROCS).write_text(str(pid))
