"""Interfaces and bonds, as the kernel shows them in files."""

import errno
import os
import re
from pathlib import Path
from typing import Final

from nfvi_ha.core.links.bond import Bond, BondMember, ProcBond, parse_proc
from nfvi_ha.core.links.link_state import LinkState

_PCI: Final = re.compile(r"(?P<slot>[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2})\.[0-7]")


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
            text = (self._net / name / "carrier").read_text()
        except OSError as error:
            if error.errno == errno.EINVAL:
                return LinkState.SET_DOWN
            if error.errno in {errno.ENOENT, errno.ENODEV, errno.ENOTDIR}:
                return LinkState.GONE
            raise
        return LinkState.UP if text.strip() == "1" else LinkState.NO_CARRIER

    def adapter(self, name: str) -> str:
        """PCI address of its adapter without the function, which ports of one card share: "0000:3b:00"; "" for none."""
        found = _PCI.findall(os.path.realpath(self._net / name / "device"))
        return str(found[-1]) if found else ""

    def bond(self, name: str) -> Bond | None:
        """A bond; None if there is none of that name."""
        if not self.is_bond(name):
            return None
        proc = self._proc(name)
        slaves = self._word(name, "slaves", whole=True).split()
        mii = {each: self._read(self._net / each / "bonding_slave" / "mii_status") for each in slaves}
        members = {each: proc.members.get(each) or BondMember(linked=mii[each] != "down") for each in slaves}
        return Bond(
            name,
            self._word(name, "mode"),
            miimon_ms=self._number(name, "miimon"),
            down_delay_ms=self._number(name, "downdelay"),
            arp_interval_ms=self._number(name, "arp_interval"),
            fast_lacp=self._word(name, "lacp_rate") == "fast",
            active=self._word(name, "active_slave"),
            aggregator=proc.aggregator,
            members=members,
        )

    def _proc(self, name: str) -> ProcBond:
        return parse_proc(self._read(self._bonds / name))

    def _word(self, bond: str, entry: str, *, whole: bool = False) -> str:
        """Entries are a word and its number, e.g. "active-backup 1"."""
        text = self._read(self._net / bond / "bonding" / entry)
        return text if whole else text.partition(" ")[0]

    def _number(self, bond: str, entry: str) -> int:
        text = self._word(bond, entry)
        return int(text) if text.isdecimal() else 0

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text().strip()
        except OSError:
            # It went away between two reads, or this kernel does not have it.
            return ""
