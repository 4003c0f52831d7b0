"""What a rule is: a sign of trouble, and what is made of it. The reference is generated from these."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity

DETAIL_BYTES: Final = 120
"""What a beat has room for (``core.wire.local_fault``)."""
ADVICE_BYTES: Final = 56
HOLD_SECONDS: Final = 600.0
"""What was seen and has no end of its own stands so long after it was seen last."""
DAY_SECONDS: Final = 86400.0


class Source(StrEnum):
    """Where a sign is seen."""

    MEMORY = "EDAC counters"
    PCIE = "PCIe AER counters"
    TEMPERATURE = "hwmon and thermal zones"
    THROTTLING = "throttle counters"
    DISK_STATE = "state of the disk in sysfs"
    DISK_HEALTH = "SMART and NVMe logs"
    NIC = "counters of network adapters"
    LOG = "kernel log"


class Lasting(StrEnum):
    """How long the fault of a rule stands."""

    EVENT = "until recorded"
    """It happened and has no end: it stays until two sentinels have it on record."""
    WHILE = "as long as it is so"
    RATE = "until the rate is half of that"
    HELD = "for a while after the last one"


@dataclass(frozen=True, slots=True)
class Rate:
    """More than ``count`` within ``seconds``, by a leaky bucket."""

    count: int
    seconds: float

    def __str__(self) -> str:
        unit = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}.get(self.seconds, f"{self.seconds:g} s")
        return f"more than {self.count} per {unit}"


HOURLY: Final = Rate(10, 3600.0)
DAILY: Final = Rate(10, 86400.0)


@dataclass(frozen=True, slots=True)
class Rule:
    """One sign of trouble."""

    name: str
    """The fault's cause, CamelCase."""
    source: Source
    component: str
    """Name of the part, as the reference shows it, e.g. "memory/mcN/dimmN". A part may have several things wrong at
    once, and one open incident hides another of the same kind and component: so what is not the same has its own
    name below that of the part."""
    sign: str
    """What is seen."""
    kind: FaultKind | None
    """None: it is counted only."""
    severity: Severity
    lasting: Lasting
    advice: str = ""
    """What to do, for people; it has to fit a beat beside what was seen."""
    rate: Rate | None = None
    """None: the first one is enough."""
    hold_seconds: float = HOLD_SECONDS
    """Of HELD."""

    def detail(self, seen: str) -> str:
        """What was seen and what to do; what was seen is cut so that the advice is not."""
        room = DETAIL_BYTES - len(self.advice.encode()) - 2 if self.advice else DETAIL_BYTES
        said = seen.encode()[: max(room, 0)].decode(errors="ignore")
        return f"{said}; {self.advice}" if self.advice else said


def with_rates(rules: Iterable[Rule], rates: Mapping[str, Rate]) -> dict[str, Rule]:
    """The rules by name, with other rates for some.

    Raises:
        ValueError: a name is that of no rule, or of one that is not about a rate.
    """
    found = {rule.name: rule for rule in rules}
    for name, rate in rates.items():
        if name not in found or found[name].rate is None:
            known = ", ".join(sorted(rule.name for rule in found.values() if rule.rate is not None))
            raise ValueError(f"{name!r} is no rule that has a rate; there are: {known}")
        found[name] = replace(found[name], rate=rate)
    return found
