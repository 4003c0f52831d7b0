"""Interfaces and bonds, as the kernel shows them in files."""

import errno
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from nfvi_ha.core.links.bond import Bond, BondMember, parse_proc
from nfvi_ha.core.links.link_state import LinkState

_PCI: Final = re.compile(r"(?P<slot>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2})\.[0-7]")

_MOST_BYTES: Final = 65_536
"""A bond of sixteen members with LACP shows 15 kB."""


class NetTree:
    """Below ``sysfs_root`` and ``procfs_root``. What is not there reads as nothing; interfaces come and go."""

    def __init__(self, sysfs_root: Path, procfs_root: Path) -> None:
        self._net = sysfs_root / "class" / "net"
        self._bonds = procfs_root / "net" / "bonding"

    def names(self) -> list[str]:
        """All interfaces."""
        try:
            return sorted(os.listdir(self._net))
        except FileNotFoundError:
            return []

    def is_adapter(self, name: str) -> bool:
        """Whether hardware is behind it. A virtual function is none: it vanishes when a VM takes it."""
        device = self._net / name / "device"
        return device.exists() and not (device / "physfn").exists()

    def is_bond(self, name: str) -> bool:
        """Whether it is a bond."""
        return (self._net / name / "bonding").is_dir()

    def state(self, name: str) -> LinkState:
        """Its carrier. The kernel refuses to read that of an interface that is set down.

        Raises:
            OSError: anything else is wrong with the file.
        """
        try:
            value = _content(f"{self._net}/{name}/carrier")
        except OSError as error:
            if error.errno == errno.EINVAL:
                return LinkState.SET_DOWN
            if error.errno in {errno.ENOENT, errno.ENODEV, errno.ENOTDIR}:
                return LinkState.GONE
            raise
        return LinkState.UP if value == "1" else LinkState.NO_CARRIER

    def adapter(self, name: str) -> str:
        """PCI address of its adapter without the function, which ports of one card share: "0000:3b:00"; "" for none."""
        found = _PCI.findall(os.path.realpath(self._net / name / "device"))
        return str(found[-1]) if found else ""

    def bond(self, name: str) -> Bond | None:
        """A bond, read anew from the ground up; None if there is none of that name."""
        if not self.is_bond(name):
            return None
        settings = Bond(
            name,
            self._word(name, "mode"),
            miimon_ms=self._number(name, "miimon"),
            down_delay_ms=self._number(name, "downdelay"),
            arp_interval_ms=self._number(name, "arp_interval"),
            fast_lacp=self._word(name, "lacp_rate") == "fast",
        )
        return self.refreshed(settings)

    def refreshed(self, bond: Bond) -> Bond:
        """The same bond with its members and its active one as they are now: one file to read, where it is shown."""
        text = _text(f"{self._bonds}/{bond.name}")
        if text:
            proc = parse_proc(text)
            return replace(bond, active=proc.active, aggregator=proc.aggregator, members=proc.members)
        slaves = _text(f"{self._net}/{bond.name}/bonding/slaves").split()
        down = {each for each in slaves if _text(f"{self._net}/{each}/bonding_slave/mii_status") == "down"}
        members = {each: BondMember(linked=each not in down) for each in slaves}
        return replace(bond, active=self._word(bond.name, "active_slave"), members=members)

    def _word(self, bond: str, entry: str) -> str:
        """Entries are a word and its number, e.g. "active-backup 1"."""
        return _text(f"{self._net}/{bond}/bonding/{entry}").partition(" ")[0]

    def _number(self, bond: str, entry: str) -> int:
        text = self._word(bond, entry)
        return int(text) if text.isdecimal() else 0


def _text(path: str) -> str:
    try:
        return _content(path)
    except OSError:
        # It went away between two reads, or this kernel does not have it.
        return ""


def _content(path: str) -> str:
    """A small file of the kernel's; these are read ten times a second, and this takes a third of ``Path.read_text``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
    return content.decode(errors="replace").strip()
