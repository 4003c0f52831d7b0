"""Reads temperatures and throttle counters. Some chips answer over slow buses: not to be called in an event loop."""

import os
import re
from pathlib import Path
from typing import Final

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.core.hardware.temperature import Sensor, Throttle

_HWMON: Final = re.compile(r"hwmon\d{1,4}")
_ZONE: Final = re.compile(r"thermal_zone\d{1,4}")
_INPUT: Final = re.compile(r"(temp\d{1,3})_input")
_TRIP: Final = re.compile(r"trip_point_(\d{1,2})_type")
_CPU: Final = re.compile(r"cpu(\d{1,5})")


class HeatTree:
    """Below ``sysfs_root``."""

    def __init__(self, sysfs_root: Path) -> None:
        self._hwmon = sysfs_root / "class" / "hwmon"
        self._zones = sysfs_root / "class" / "thermal"
        self._cpus = sysfs_root / "devices" / "system" / "cpu"

    def sensors(self) -> list[Sensor]:
        """All sensors, once each."""
        chips = [name for name in files.names(self._hwmon) if _HWMON.fullmatch(name)]
        zones = [name for name in files.names(self._zones) if _ZONE.fullmatch(name)]
        found = [sensor for name in chips for sensor in self._chip(self._hwmon / name)]
        return found + [self._zone(self._zones / name) for name in zones]

    def throttles(self) -> list[Throttle]:
        """All CPUs that count how often they were slowed down."""
        found = []
        for name in files.names(self._cpus):
            if (matched := _CPU.fullmatch(name)) is None:
                continue
            directory = self._cpus / name
            core = files.count(directory / "thermal_throttle" / "core_throttle_count")
            package = files.count(directory / "thermal_throttle" / "package_throttle_count")
            if core is None and package is None:
                continue
            of = files.count(directory / "topology" / "physical_package_id") or 0
            found.append(Throttle(int(matched[1]), of, core or 0, package or 0))
        return found

    @staticmethod
    def _chip(directory: Path) -> list[Sensor]:
        chip = _chip_name(directory)
        found = []
        for name in files.names(directory):
            if (matched := _INPUT.fullmatch(name)) is None:
                continue
            temp = matched[1]
            found.append(
                Sensor(
                    chip,
                    temp,
                    files.text(directory / f"{temp}_label") or "",
                    _degrees(directory / name),
                    _degrees(directory / f"{temp}_max"),
                    _degrees(directory / f"{temp}_crit"),
                    files.number(directory / f"{temp}_max_alarm") == 1,
                    files.number(directory / f"{temp}_crit_alarm") == 1,
                )
            )
        return found

    @staticmethod
    def _zone(directory: Path) -> Sensor:
        limits: dict[str, float] = {}
        for name in files.names(directory):
            if (matched := _TRIP.fullmatch(name)) is None:
                continue
            kind, degrees = files.text(directory / name), _degrees(directory / f"trip_point_{matched[1]}_temp")
            if kind in {"hot", "critical"} and degrees is not None:
                limits[kind] = degrees
        label = files.text(directory / "type") or ""
        degrees = _degrees(directory / "temp")
        return Sensor(directory.name, "temp", label, degrees, limits.get("hot"), limits.get("critical"))


def _chip_name(directory: Path) -> str:
    """By its device, e.g. "coretemp.0", "nvme0": the numbers of hwmon change from boot to boot."""
    device = directory / "device"
    name = files.text(directory / "name") or directory.name
    try:
        return os.path.basename(os.readlink(device)) or name
    except OSError:
        return name


def _degrees(path: Path) -> float | None:
    value = files.number(path)
    return None if value is None else value / 1000
