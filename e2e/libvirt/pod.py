"""What a virt-launcher pod is to the agent: a cgroup with the pod's uid in its path, and a virt-launcher in it.

The cgroup is real. The launcher is the lab's stand-in: it has the process name and the command line of KubeVirt's,
which say whose the qemu in that cgroup is, and does nothing.
"""

import contextlib
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

from libvirt.cgroup import Cgroup
from nfvi_ha.lab.hypervisor.standin import install_standin


class Pod:
    """One VMI's."""

    def __init__(self, namespace: str, name: str, vmi_uid: str, program: Path) -> None:
        self.uid = str(uuid.uuid4())
        self._cgroup = Cgroup("kubepods", "burstable", f"pod{self.uid}", "compute")
        argv = ["/usr/bin/virt-launcher", "--name", name, "--uid", vmi_uid, "--namespace", namespace]
        self._launcher = subprocess.Popen(argv, executable=install_standin(program))
        self._cgroup.put(self._launcher.pid)

    @contextlib.contextmanager
    def holding(self, pid: int) -> Iterator[None]:
        """This process is in the pod meanwhile, so that what it starts is, too."""
        self._cgroup.put(pid)
        try:
            yield
        finally:
            self._cgroup.put_out(pid)

    def take(self, pid: int) -> None:
        """This process is in the pod from now on."""
        self._cgroup.put(pid)

    async def close(self) -> None:
        """Nothing is left of it. Its processes but the launcher must have ended."""
        self._launcher.kill()
        self._launcher.wait()
        await self._cgroup.remove()
