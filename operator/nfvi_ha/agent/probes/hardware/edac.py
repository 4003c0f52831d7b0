"""Reads EDAC's counters."""

import os
import re
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.core.hardware.memory import Controller, Dimm

_CONTROLLER: Final = re.compile(r"mc\d{1,4}")
_DIMM: Final = re.compile(r"(?:dimm|rank)\d{1,4}")
_TRIES: Final = 3
_LABELS_EACH: Final = 60
"""Looks between two readings of all labels."""


class EdacTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._root = sysfs_root / "devices" / "system" / "edac" / "mc"
        self._labels: dict[str, str] = {}
        self._looks = 0

    def controllers(self) -> list[Controller]:
        """All memory controllers that count."""
        # Labels are written some time after boot (edac-ctl --register-labels).
        if self._looks % _LABELS_EACH == 0:
            self._labels.clear()
        self._looks += 1
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
        directory = os.path.join(self._root, name)
        corrected, uncorrected = files.count(f"{directory}/ce_count"), files.count(f"{directory}/ue_count")
        if corrected is None and uncorrected is None:
            return None
        dimms = [self._dimm(directory, each) for each in files.names(directory) if _DIMM.fullmatch(each)]
        return Controller(
            name,
            corrected or 0,
            uncorrected or 0,
            files.count(f"{directory}/ce_noinfo_count") or 0,
            files.count(f"{directory}/ue_noinfo_count") or 0,
            tuple(dimm for dimm in dimms if dimm is not None),
        )

    def _dimm(self, controller: str, name: str) -> Dimm | None:
        directory = f"{controller}/{name}"
        corrected, uncorrected = files.count(f"{directory}/dimm_ce_count"), files.count(f"{directory}/dimm_ue_count")
        if corrected is None and uncorrected is None:
            return None
        if directory not in self._labels:
            self._labels[directory] = files.text(f"{directory}/dimm_label") or ""
        return Dimm(name, self._labels[directory], corrected or 0, uncorrected or 0)
