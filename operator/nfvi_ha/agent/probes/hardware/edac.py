"""Reads EDAC's counters."""

import re
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.core.hardware.memory import Controller, Dimm

_CONTROLLER: Final = re.compile(r"mc\d{1,4}")
_DIMM: Final = re.compile(r"(?:dimm|rank)\d{1,4}")
_TRIES: Final = 3


class EdacTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "devices" / "system" / "edac" / "mc"

    def controllers(self) -> list[Controller]:
        """All memory controllers that count."""
        found = (self._settled(name) for name in files.names(self._root) if _CONTROLLER.fullmatch(name))
        return [each for each in found if each is not None]

    def _settled(self, name: str) -> Controller | None:
        """One controller, not in the middle of an error being counted: the files are not read all at once."""
        before: Controller | None = None
        for _ in range(_TRIES):
            now = self._controller(name)
            if now is None or now.consistent or now == before:
                return now
            before = now
        return before

    def _controller(self, name: str) -> Controller | None:
        directory = self._root / name
        corrected, uncorrected = files.count(directory / "ce_count"), files.count(directory / "ue_count")
        if corrected is None and uncorrected is None:
            return None
        dimms = [self._dimm(directory / each) for each in files.names(directory) if _DIMM.fullmatch(each)]
        return Controller(
            name,
            corrected or 0,
            uncorrected or 0,
            files.count(directory / "ce_noinfo_count") or 0,
            files.count(directory / "ue_noinfo_count") or 0,
            tuple(dimm for dimm in dimms if dimm is not None),
        )

    @staticmethod
    def _dimm(directory: Path) -> Dimm | None:
        corrected = files.count(directory / "dimm_ce_count")
        uncorrected = files.count(directory / "dimm_ue_count")
        if corrected is None and uncorrected is None:
            return None
        return Dimm(directory.name, files.text(directory / "dimm_label") or "", corrected or 0, uncorrected or 0)
