"""Finds disks, and asks each how it is."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.agent.probes.hardware.command import Commands, Output, Result
from nfvi_ha.core.hardware import disk
from nfvi_ha.core.hardware.decision import Finding
from nfvi_ha.core.hardware.disk_health import DiskHealth, from_nvme, from_smartctl, parse

_DISK: Final = re.compile(r"[sh]d[a-z]{1,4}|nvme\d{1,4}n\d{1,4}")
_NVME: Final = re.compile(r"(nvme\d{1,4})n\d{1,4}")
_BEHIND_RAID: Final = re.compile(r"[\w+]{1,20},[\w/:+,]{1,20}")
_DEVICE: Final = re.compile(r"/dev/[\w/.-]{1,60}")
_UNFIT: Final = re.compile(r"[^\w.-]+")
MOST_BEHIND_RAID: Final = 256


class DiskTree:
    """Disks as sysfs shows them."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "block"

    def names(self) -> list[str]:
        """Those that may have a health log."""
        return [name for name in files.names(self._root) if _DISK.fullmatch(name)]

    def offline(self) -> list[Finding]:
        """Those that the kernel gave up."""
        found = []
        for name in self.names():
            state = files.text(self._root / name / "device" / "state")
            if state in disk.OFFLINE_STATES:
                rule = disk.OFFLINE
                found.append(Finding(rule, f"disk/{name}", rule.detail(f"{name} is {state}")))
        return found


class DiskDoctor:
    """Asks disks by smartctl and nvme.

    Args:
        tree: finds disks.
        commands: runs the tools.
        smartctl: its command; empty: there is none.
        nvme: the same of nvme-cli.
        device_root: where the disks' nodes are.
        asked: told of each command and how it went.
    """

    def __init__(
        self,
        tree: DiskTree,
        commands: Commands,
        smartctl: Sequence[str],
        nvme: Sequence[str],
        device_root: Path,
        asked: Callable[[str, str], None],
    ) -> None:
        self._tree = tree
        self._commands = commands
        self._smartctl = smartctl
        self._nvme = nvme
        self._devices = device_root
        self._asked = asked

    async def ask(self) -> dict[str, DiskHealth | None]:
        """All disks that there are; None for one that cannot tell now."""
        found: dict[str, DiskHealth | None] = {}
        for name in self._tree.names():
            found[name] = await self._one(name)
        for name, device, kind in await self._behind_raid():
            found[name] = await self._smart(device, "-d", kind)
        return found

    async def _one(self, name: str) -> DiskHealth | None:
        matched = _NVME.fullmatch(name)
        if matched is None:
            return await self._smart(str(self._devices / name))
        # The log is the controller's. A disk with several namespaces is told as each of them.
        device = str(self._devices / matched[1])
        if self._nvme:
            output = await self._run("nvme", [*self._nvme, "smart-log", "-o", "json", device])
            if output.result is not Result.MISSING:
                return from_nvme(parse(output.text), output.exit_status)
        return await self._smart(device)

    async def _smart(self, device: str, *options: str) -> DiskHealth | None:
        if not self._smartctl:
            return None
        # A disk that sleeps is let sleep.
        argv = [*self._smartctl, "-j", "-H", "-A", "-n", "standby", *options, device]
        output = await self._run("smartctl", argv)
        return from_smartctl(parse(output.text), output.exit_status)

    async def _behind_raid(self) -> list[tuple[str, str, str]]:
        """Name, device and type of disks that only a RAID controller shows, e.g. type "megaraid,8"."""
        if not self._smartctl:
            return []
        output = await self._run("smartctl", [*self._smartctl, "-j", "--scan"])
        devices = parse(output.text).get("devices")
        found = []
        for each in devices[:MOST_BEHIND_RAID] if isinstance(devices, list) else ():
            device, kind = (each.get("name"), each.get("type")) if isinstance(each, dict) else (None, None)
            if not isinstance(device, str) or not isinstance(kind, str):
                continue
            if _DEVICE.fullmatch(device) and _BEHIND_RAID.fullmatch(kind):
                found.append((_UNFIT.sub("-", f"{device.removeprefix('/dev/')}-{kind}"), device, kind))
        return found

    async def _run(self, command: str, argv: Sequence[str]) -> Output:
        output = await self._commands.run(argv)
        self._asked(command, output.result.value)
        return output
