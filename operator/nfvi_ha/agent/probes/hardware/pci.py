"""Reads AER's counters."""

import re
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
_SEARCH_EACH: Final = 20
"""Looks between two searches for devices; most of a host's have no counters."""


class PciTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "bus" / "pci" / "devices"
        self._addresses: list[str] = []
        self._looks = 0

    def devices(self) -> list[PciDevice]:
        """All devices that count errors."""
        if self._looks % _SEARCH_EACH == 0:
            self._addresses = [
                name
                for name in files.names(self._root)
                if _ADDRESS.fullmatch(name) and (self._root / name / "aer_dev_fatal").exists()
            ]
        self._looks += 1
        return [self._device(address) for address in self._addresses]

    def _device(self, address: str) -> PciDevice:
        directory = self._root / address
        errors = {rule: _total(files.text(directory / name)) for rule, name in _DEVICE.items()}
        messages = {rule: files.count(directory / name) for rule, name in _ROOT_PORT.items()}
        return PciDevice(
            address,
            {rule: value for rule, value in errors.items() if value is not None},
            {rule: value for rule, value in messages.items() if value is not None},
        )


def _total(text: str | None) -> int | None:
    found = _TOTAL.search(text or "")
    return int(found[1]) if found else None
