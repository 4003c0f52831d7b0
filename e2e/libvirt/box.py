"""A box with a libvirtd of its own: own mounts, own process ids, and nothing of it is left when it is closed."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libvirt.guest_image import ENABLE_PORT, ENABLED, write_image
from libvirt.pod import Pod
from libvirt.waiting import until, until_answer

NAMESPACE: Final = "e2e-libvirt"
QEMU: Final = "/usr/bin/qemu-system-x86_64"
FIRST_PROCESS: Final = Path(__file__).with_name("first_process.py")
DOMAIN: Final = """\
<domain type="qemu">
  <name>{domain}</name><uuid>{uid}</uuid>
  <memory unit="MiB">{memory}</memory>{backing}<vcpu>1</vcpu>
  <os><type arch="x86_64" machine="q35">hvm</type><boot dev="hd"/></os>
  <features><acpi/></features>
  <devices>
    <emulator>{emulator}</emulator>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/><source file="{image}"/><target dev="vda" bus="virtio"/>
    </disk>
    <memballoon model="none"/>
  </devices>
</domain>
"""
TOUCHED: Final = '<memoryBacking><allocation mode="immediate"/></memoryBacking>'
EMULATOR: Final = """\
#!/bin/sh
# libvirt starts qemu in /, where a core dump would go.
cd {cores} && exec {qemu} "$@"
"""


class VirshError(AssertionError):
    """virsh refused."""


@dataclass(slots=True)
class Guest:
    """A running domain. Its name is that of KubeVirt's domains: <namespace>_<name>."""

    name: str
    uid: str
    """The VMI's."""
    pid: int = 0
    """As the machine sees it, not the box."""
    pod: Pod | None = None
    namespace: str = field(default=NAMESPACE)

    @property
    def domain(self) -> str:
        return f"{self.namespace}_{self.name}"

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.name}"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)


class Box:
    """libvirtd and its guests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cores = directory / "cores"
        self._process: asyncio.subprocess.Process | None = None
        self._guests: list[Guest] = []

    @property
    def socket(self) -> Path:
        return self.directory / "run" / "libvirt" / "libvirt-sock"

    @property
    def config(self) -> Path:
        """libvirtd's, by which its command line is told from that of any other."""
        return self.directory / "etc" / "libvirtd.conf"

    @property
    def emulator(self) -> Path:
        return self.directory / "qemu"

    async def start(self) -> None:
        self.cores.mkdir()
        self.emulator.write_text(EMULATOR.format(cores=self.cores, qemu=QEMU))
        self.emulator.chmod(0o755)
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv += [sys.executable, str(FIRST_PROCESS), str(self.directory)]
        with (self.directory / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        await self.start_daemon()

    async def start_daemon(self) -> None:
        """Until libvirtd answers."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

        async def answers() -> bool:
            assert self._process is not None
            assert self._process.returncode is None, self.log()
            with contextlib.suppress(VirshError):
                await self.virsh("version")
                return True
            return False

        await until_answer(answers, lambda: f"libvirtd to answer: {self.log()}")

    def log(self) -> str:
        return (self.directory / "log").read_text()[-3000:]

    @property
    def daemon(self) -> int:
        """Pid of libvirtd; 0 if there is none."""
        return next((pid for pid in self._inside() if _comm(pid) == "libvirtd"), 0)

    async def virsh(self, *words: str) -> str:
        uri = f"qemu+unix:///system?socket={self.socket}"
        process = await asyncio.create_subprocess_exec(
            "virsh",
            "--quiet",
            "--connect",
            uri,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        if process.returncode:
            raise VirshError(f"virsh {' '.join(words)}: {out.decode()}")
        return out.decode()

    async def boot(
        self, name: str, uid: str, *, pod: Pod | None = None, memory_mib: int = 64, touched: bool = False
    ) -> Guest:
        """A guest that has booted. In a pod, libvirtd is in it while it starts qemu, as KubeVirt's always is.

        Without a pod the uid is the domain's; in one it is not, as in KubeVirt.
        """
        domain_uuid = uid if pod is None else str(uuid.uuid4())
        guest = Guest(name, uid, pod=pod)
        image = write_image(self.directory / f"{name}.img")
        xml = self.directory / f"{name}.xml"
        xml.write_text(
            DOMAIN.format(
                domain=guest.domain,
                uid=domain_uuid,
                memory=memory_mib,
                backing=TOUCHED if touched else "",
                emulator=self.emulator,
                image=image,
            )
        )
        await self.virsh("define", str(xml))
        with pod.holding(self.daemon) if pod is not None else contextlib.nullcontext():
            await self.virsh("start", guest.domain)
        self._guests.append(guest)
        guest.pid = next(pid for pid in self._inside() if f"guest={guest.domain}," in _command(pid))
        await until_answer(lambda: self._listens(guest), f"{guest.domain} to boot")
        return guest

    async def end(self, guest: Guest) -> None:
        """Whatever is left of it."""
        self._guests.remove(guest)
        if self.runs(guest):
            guest.signal(signal.SIGKILL)
        await self.gone(guest)
        (self.directory / f"{guest.name}.img").unlink()
        for core in self.cores.iterdir():
            core.unlink()
        if guest.pod is not None:
            await guest.pod.close()

    @staticmethod
    def runs(guest: Guest) -> bool:
        """Whether its process is there."""
        return _comm(guest.pid).startswith("qemu")

    async def gone(self, guest: Guest) -> None:
        """Until its process was waited for."""
        await until(lambda: not Path(f"/proc/{guest.pid}").exists(), f"{guest.domain} to be gone")

    async def undefine(self, guest: Guest) -> None:
        """Libvirt knows it no more. It must have ended, and libvirt must have seen that."""

        async def off() -> bool:
            return "shut off" in await self.virsh("domstate", guest.domain)

        await until_answer(off, f"libvirt to see the end of {guest.domain}")
        await self.virsh("undefine", guest.domain)

    async def close(self) -> None:
        for guest in tuple(self._guests):
            await self.end(guest)
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
        shutil.rmtree(self.directory)

    async def _listens(self, guest: Guest) -> bool:
        port = await self.virsh("qemu-monitor-command", "--hmp", guest.domain, f"i /2hx {ENABLE_PORT:#x}")
        return f"{ENABLED:#06x}" in port

    def _inside(self) -> list[int]:
        """Children of the box's first process, by the machine's pids: libvirtd, and each qemu, which it orphans."""
        if self._process is None:
            return []
        return [child for first in _children(self._process.pid) for child in _children(first)]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""
