"""Reads AER's counters."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.core.hardware import pcie
from nfvi_ha.core.hardware.pcie import PciDevice

_ADDRESS: Final = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_TOTAL: Final = re.compile(r"^TOTAL_ERR_\w+ (\d{1,20})$", re.MULTILINE)
_DEVICE: Final = {
    pcie.FATAL.name: "aer_dev_fatal",
    pcie.NON_FATAL.name: "aer_dev_nonfatal",
    pcie.CORRECTED.name: "aer_dev_correctable",
}
_ROOT_PORT: Final = {
    pcie.FATAL.name: "aer_rootport_total_err_fatal",
    pcie.NON_FATAL.name: "aer_rootport_total_err_nonfatal",
    pcie.CORRECTED.name: "aer_rootport_total_err_cor",
}
_SEARCH_EACH: Final = 10
"""Looks between two searches for devices; most of a host's have no counters."""


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a device counts, by rule. Paths are kept: to put them together each time costs as much as to read."""

    address: str
    errors: Mapping[str, str]
    messages: Mapping[str, str]


class PciTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "bus" / "pci" / "devices"
        self._found: list[_Files] = []
        self._looks = 0

    def devices(self) -> list[PciDevice]:
        """All devices that count errors."""
        if self._looks % _SEARCH_EACH == 0:
            addresses = [name for name in files.names(self._root) if _ADDRESS.fullmatch(name)]
            found = [self._files(address) for address in addresses]
            self._found = [each for each in found if each.errors]
        self._looks += 1
        return [_read(each) for each in self._found]

    def _files(self, address: str) -> _Files:
        directory = os.path.join(self._root, address)
        there = set(files.names(directory))
        return _Files(
            address,
            {rule: os.path.join(directory, name) for rule, name in _DEVICE.items() if name in there},
            {rule: os.path.join(directory, name) for rule, name in _ROOT_PORT.items() if name in there},
        )


def _read(device: _Files) -> PciDevice:
    errors = {rule: _total(files.text(path)) for rule, path in device.errors.items()}
    messages = {rule: files.count(path) for rule, path in device.messages.items()}
    return PciDevice(
        device.address,
        {rule: value for rule, value in errors.items() if value is not None},
        {rule: value for rule, value in messages.items() if value is not None},
    )


def _total(text: str | None) -> int | None:
    found = _TOTAL.search(text or "")
    return int(found[1]) if found else None
