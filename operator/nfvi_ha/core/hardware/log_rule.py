"""What a rule of the kernel log is."""

import re
from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.rule import HOLD_SECONDS, Lasting, Rate, Rule, Source

MAX_COMPONENT: Final = 100
_UNFIT: Final = re.compile(r"[^\x21-\x7e]+")
_PARTITION: Final = re.compile(
    r"(?P<disk>(?:nvme\d+(?:c\d+)?n\d+|mmcblk\d+)(?=p\d+$)|(?:[shv]d[a-z]{1,4})(?=\d+$))(?:p?\d+)$"
)


@dataclass(frozen=True, slots=True)
class LogRule:
    """A line of the log.

    The pattern has to match from the line's beginning: names that users choose (of processes, of USB devices) are in
    many lines, and must not be taken for the kernel's own words.
    """

    rule: Rule
    needle: str
    """What every such line has in it; looked for before the pattern is tried, so that a storm costs little."""
    pattern: re.Pattern[str]
    counters: str = ""
    """Family of counters (``HardwareBook.counts``) that is the truth where it is read, with the pattern's groups."""
    skip: re.Pattern[str] | None = None
    """Components that are not worth a word."""
    ends: bool = False
    """The line says that it is over."""

    def component(self, matched: re.Match[str]) -> str:
        """The part, by the pattern's groups."""
        return _UNFIT.sub("_", self.rule.component.format(**_groups(matched)))[:MAX_COMPONENT]

    def family(self, matched: re.Match[str]) -> str:
        """The counters that tell the same; "" for none."""
        return self.counters.format(**_groups(matched))


def _groups(matched: re.Match[str]) -> dict[str, str]:
    groups = {name: text or "" for name, text in matched.groupdict().items()}
    # An error that names no sender is that of the device whose driver speaks.
    if not groups.get("pci", "-"):
        groups["pci"] = groups["port"]
    if "disk" in groups and (partition := _PARTITION.fullmatch(groups["disk"])) is not None:
        groups["disk"] = partition["disk"]
    return groups


@dataclass(frozen=True, slots=True)
class Outcome:
    """Kind and severity of what a line says."""

    kind: FaultKind | None
    severity: Severity
    lasting: Lasting = Lasting.HELD
    rate: Rate | None = field(default=None)
    hold_seconds: float = HOLD_SECONDS


def log_rule(
    name: str,
    component: str,
    needle: str,
    pattern: str,
    outcome: Outcome,
    advice: str = "",
    *,
    counters: str = "",
    skip: str = "",
    ends: bool = False,
) -> LogRule:
    """A rule with its line; ``pattern`` is what the reference shows, too."""
    lasting = Lasting.RATE if outcome.rate is not None else outcome.lasting
    rule = Rule(
        name,
        Source.LOG,
        component,
        f"`{pattern}`",
        outcome.kind,
        outcome.severity,
        lasting,
        advice,
        outcome.rate,
        outcome.hold_seconds,
    )
    unwanted = re.compile(skip) if skip else None
    return LogRule(rule, needle, re.compile(pattern), counters, unwanted, ends)
