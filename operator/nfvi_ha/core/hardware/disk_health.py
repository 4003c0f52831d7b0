"""Reads what smartctl and nvme print as JSON, and judges it. Anything may be missing, or of another type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.core.hardware import disk
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision, Finding
from nfvi_ha.core.hardware.rule import Rule, Source

_COULD_NOT_LOOK: Final = 0b011
"""Bits 0 and 1 of smartctl's exit status: wrong command line; not opened, or asleep."""
_FAILING: Final = 0b1000
_PREFAIL: Final = 0b1_0000
_LARGEST: Final = 1 << 128
_SPARE, _HOT, _UNRELIABLE, _READ_ONLY, _BACKUP, _PMR = (1 << bit for bit in range(6))
_BITS: Final = (
    (_READ_ONLY, disk.NVME_READ_ONLY, "media is read-only"),
    (_UNRELIABLE, disk.NVME_RELIABILITY, "reliability is degraded"),
    (_BACKUP, disk.NVME_BACKUP, "volatile memory backup failed"),
    (_PMR, disk.NVME_PMR, "persistent memory region failed"),
    (_HOT, disk.NVME_HOT, "temperature is out of range"),
)
_PENDING, _OFFLINE_UNCORRECTABLE, _REALLOCATED, _REPORTED, _CRC = 197, 198, 5, 187, 199


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """What a disk says of itself. None: it does not say."""

    failing: bool = False
    prefail: bool = False
    prefail_names: tuple[str, ...] = ()
    bad_sectors: int = 0
    critical_warning: int = 0
    spare_percent: int | None = None
    spare_threshold_percent: int | None = None
    used_percent: int | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    """By the name of the rule that watches it."""


def parse(text: bytes | str) -> Mapping[str, Any]:
    """The JSON object that a tool printed; an empty one for anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def from_smartctl(value: Mapping[str, Any], exit_status: int) -> DiskHealth | None:
    """Output of ``smartctl -j -H -A``; None where it could not look, which says nothing about the disk."""
    if exit_status < 0 or exit_status & _COULD_NOT_LOOK or not value:
        return None
    attributes = _attributes(value)
    nvme = _part(value, "nvme_smart_health_information_log")
    reads = (_number(_part(value, "scsi_error_counter_log", kind), "total_uncorrected_errors") for kind in _SCSI)
    counters = {
        disk.REALLOCATED.name: _first(_raw(attributes, _REALLOCATED), _number(value, "scsi_grown_defect_list")),
        disk.MEDIA_ERRORS.name: _first(_raw(attributes, _REPORTED), _number(nvme, "media_errors"), _sum(reads)),
        disk.CABLE.name: _raw(attributes, _CRC),
    }
    passed = _part(value, "smart_status").get("passed")
    return DiskHealth(
        failing=bool(exit_status & _FAILING) or passed is False,
        prefail=bool(exit_status & _PREFAIL),
        prefail_names=tuple(
            str(each.get("name", number))[:40]
            for number, each in attributes.items()
            if each.get("when_failed") == "now" and _part(each, "flags").get("prefailure") is True
        ),
        bad_sectors=max(_raw(attributes, _PENDING) or 0, _raw(attributes, _OFFLINE_UNCORRECTABLE) or 0),
        critical_warning=_number(nvme, "critical_warning") or 0,
        spare_percent=_number(nvme, "available_spare"),
        spare_threshold_percent=_number(nvme, "available_spare_threshold"),
        used_percent=_first(
            _number(nvme, "percentage_used"), _number(value, "scsi_percentage_used_endurance_indicator")
        ),
        counters={name: count for name, count in counters.items() if count is not None},
    )


def from_nvme(value: Mapping[str, Any], exit_status: int) -> DiskHealth | None:
    """Output of ``nvme smart-log -o json``; None where it could not look."""
    if exit_status != 0 or "critical_warning" not in value:
        return None
    media = _number(value, "media_errors")
    return DiskHealth(
        critical_warning=_number(value, "critical_warning") or 0,
        spare_percent=_number(value, "avail_spare"),
        spare_threshold_percent=_number(value, "spare_thresh"),
        used_percent=_number(value, "percent_used"),
        counters={} if media is None else {disk.MEDIA_ERRORS.name: media},
    )


def judge(book: HardwareBook, disks: Mapping[str, DiskHealth | None], now: float) -> list[Decision]:
    """All disks that there are. Of one that could not be looked at (None) stands what stood."""
    findings = [finding for name, health in disks.items() if health is not None for finding in _states(name, health)]
    unknown = {name for name, health in disks.items() if health is None}
    stood = book.standing.findings()
    findings += [each for each in stood if each.rule.source is Source.DISK_HEALTH and _disk_of(each) in unknown]
    decisions = book.present(Source.DISK_HEALTH, findings)
    for name, health in disks.items():
        if health is None:
            continue
        for rule, aspect, what in _COUNTERS:
            if (count := health.counters.get(rule.name)) is not None:
                component = f"disk/{name}/{aspect}"
                counter = f"disk/{name}/{rule.name}"
                decisions += book.counted(rule, component, counter, count, f"{what} on {name}", now)
    return decisions


_SCSI: Final = ("read", "write", "verify")
_COUNTERS: Final = (
    (disk.MEDIA_ERRORS, "media", "media errors"),
    (disk.REALLOCATED, "reallocated", "sectors reallocated"),
    (disk.CABLE, "cable", "CRC errors on the cable"),
)


def _states(name: str, health: DiskHealth) -> list[Finding]:
    found: list[Finding] = []

    def add(rule: Rule, seen: str) -> None:
        component = rule.component.replace("<disk>", name)
        found.append(Finding(rule, component, rule.detail(f"{name}: {seen}")))

    if health.failing and not health.critical_warning:
        add(disk.SMART_FAILING, "SMART self-assessment failed")
    if health.prefail:
        add(disk.SMART_PREFAIL, f"at its threshold: {', '.join(health.prefail_names) or 'an attribute'}")
    if health.bad_sectors:
        add(disk.SMART_BAD_SECTORS, f"{health.bad_sectors} unreadable sectors")
    if health.bad_sectors >= disk.MANY_SECTORS:
        add(disk.SMART_MANY_BAD_SECTORS, f"{health.bad_sectors} unreadable sectors")
    for bit, rule, words in _BITS:
        if health.critical_warning & bit:
            add(rule, words)
    spare, least = health.spare_percent, health.spare_threshold_percent
    if health.critical_warning & _SPARE or (spare is not None and least is not None and spare < least):
        add(
            disk.NVME_SPARE, f"spare {'?' if spare is None else spare} %, threshold {'?' if least is None else least} %"
        )
    if (health.used_percent or 0) >= 100:
        add(disk.NVME_WORN, f"{health.used_percent} % of its rated life used")
    return found


def _disk_of(finding: Finding) -> str:
    return finding.component.split("/")[1]


def _attributes(value: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    table = _part(value, "ata_smart_attributes").get("table")
    rows = [row for row in table if isinstance(row, dict)] if isinstance(table, list) else []
    return {number: row for row in rows if (number := _number(row, "id")) is not None}


def _raw(attributes: Mapping[int, Mapping[str, Any]], number: int) -> int | None:
    """Some vendors keep times in the upper bytes of a counter: the lower 32 bits are the count."""
    raw = _number(_part(attributes.get(number, {}), "raw"), "value")
    return None if raw is None else raw & 0xFFFF_FFFF


def _part(value: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = value.get(name)
        value = found if isinstance(found, dict) else {}
    return value


def _number(value: Mapping[str, Any], name: str) -> int | None:
    """A count, as a number, as digits (128 bits do not fit JSON's numbers), or as newer nvme-cli's ``{"value": N}``."""
    found = value.get(name)
    if isinstance(found, dict):
        found = found.get("value")
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 40:
        return int(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 0 <= found < _LARGEST else None


def _first(*found: int | None) -> int | None:
    return next((each for each in found if each is not None), None)


def _sum(found: Any) -> int | None:
    counts = [each for each in found if each is not None]
    return sum(counts) if counts else None
