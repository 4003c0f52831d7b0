"""Temperatures, by hwmon's alarms and limits and the trip points of thermal zones, and CPUs that were slowed down."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.decision import Decision, Finding
from nfvi_ha.core.hardware.rule import Lasting, Rate, Rule, Source

CRITICAL: Final = Rule(
    name="TemperatureCritical",
    source=Source.TEMPERATURE,
    component="thermal/<chip>/<sensor>/critical",
    sign="`crit_alarm`, or at or over `crit` (a zone's `critical` trip point)",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.CRITICAL,
    lasting=Lasting.WHILE,
    advice="it may switch itself off: check cooling now",
)
HIGH: Final = Rule(
    name="TemperatureHigh",
    source=Source.TEMPERATURE,
    component="thermal/<chip>/<sensor>",
    sign="`max_alarm`, or at or over `max` (a zone's `hot` trip point)",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.WHILE,
    advice="check fans and air flow",
)
THROTTLED: Final = Rule(
    name="CpuThrottled",
    source=Source.THROTTLING,
    component="cpu/packageN/throttled",
    sign="`core_throttle_count` or `package_throttle_count` grows",
    kind=FaultKind.HARDWARE_DEGRADED,
    severity=Severity.WARNING,
    lasting=Lasting.RATE,
    advice="VMs run slower: check cooling",
    rate=Rate(10, 600.0),
)
RULES: Final = (CRITICAL, HIGH, THROTTLED)

HYSTERESIS_DEGREES: Final = 3.0
LOWEST_LIMIT: Final = 20.0
HIGHEST_LIMIT: Final = 150.0
"""Limits beyond these are what chips show that have none (0, -273, 255)."""
CONFIRMED_BY: Final = 2
"""Readings in a row: sensors on busy buses misread now and then."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One reading; degrees Celsius, None for what it does not have."""

    chip: str
    """What hwmon's device is called, e.g. "coretemp.0", "nvme0", "thermal_zone0"."""
    name: str
    """"temp1"."""
    label: str
    """"Package id 0"; "" for none."""
    degrees: float | None
    high: float | None = None
    critical: float | None = None
    high_alarm: bool = False
    critical_alarm: bool = False


class TemperatureWatch:
    """Judges all sensors, each time all of them."""

    def __init__(self, book: HardwareBook) -> None:
        self._book = book
        self._in_a_row: dict[tuple[str, str], int] = {}

    def judge(self, sensors: Iterable[Sensor]) -> list[Decision]:
        """What the sensors say."""
        rows = self._in_a_row
        self._in_a_row = {}
        findings: list[Finding] = []
        for sensor in sensors:
            part = f"thermal/{sensor.chip}/{sensor.name}"
            for rule, component, limit, alarm in (
                (CRITICAL, f"{part}/critical", sensor.critical, sensor.critical_alarm),
                (HIGH, part, sensor.high, sensor.high_alarm),
            ):
                standing = self._book.stands(rule, component)
                if not _is_over(sensor.degrees, limit, alarm=alarm, standing=standing):
                    continue
                key = (rule.name, component)
                count = self._in_a_row[key] = rows.get(key, 0) + 1
                if standing or count >= CONFIRMED_BY:
                    findings.append(Finding(rule, component, rule.detail(_words(sensor, limit))))
        return self._book.present(Source.TEMPERATURE, findings)


def _is_over(degrees: float | None, limit: float | None, *, alarm: bool, standing: bool) -> bool:
    if alarm:
        return True
    if degrees is None or limit is None or not LOWEST_LIMIT <= limit <= HIGHEST_LIMIT:
        return False
    return degrees >= (limit - HYSTERESIS_DEGREES if standing else limit)


def _words(sensor: Sensor, limit: float | None) -> str:
    name = f"{sensor.label or sensor.name} of {sensor.chip}"
    if sensor.degrees is None:
        return f"{name} has an alarm"
    return f"{name} has {sensor.degrees:g} C" + (f", limit {limit:g}" if limit is not None else "")


@dataclass(frozen=True, slots=True)
class Throttle:
    """How often a CPU was slowed down for heat, since boot."""

    cpu: int
    package: int
    core_count: int
    package_count: int


def judge_throttling(book: HardwareBook, cpus: Iterable[Throttle], now: float) -> list[Decision]:
    """All CPUs of a package are one part: they get hot together."""
    decisions: list[Decision] = []
    packages: dict[int, int] = {}
    for cpu in cpus:
        component = f"cpu/package{cpu.package}/throttled"
        what = f"times slowed down for heat (CPU {cpu.cpu})"
        counter = f"throttle/cpus/{cpu.cpu}"
        decisions += book.counted(THROTTLED, component, counter, cpu.core_count, what, now)
        # Each CPU shows its package's count; one that is behind the others was brought online later.
        packages[cpu.package] = max(packages.get(cpu.package, 0), cpu.package_count)
    for package, count in packages.items():
        what = f"times slowed down for heat (package {package})"
        component, counter = f"cpu/package{package}/throttled", f"throttle/packages/{package}"
        decisions += book.counted(THROTTLED, component, counter, count, what, now)
    return decisions
