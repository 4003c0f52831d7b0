"""What is to be said of links and paths: faults put, cleared, and events."""

from collections.abc import Iterable
from dataclasses import dataclass

from nfvi_ha.core.fault import Confidence, FaultKind, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is broken, or that happened."""

    kind: FaultKind
    component: str
    """e.g. "link/eth0", "path/ceph", "path/ceph/target/10.1.0.9:7946"."""
    cause: str
    """A constant CamelCase reason."""
    severity: Severity
    detail: str
    """For people at night; 120 bytes at most get to the VIM."""
    confidence: Confidence = Confidence.HIGH


@dataclass(frozen=True, slots=True)
class Put:
    """It is there from now on, or other words about it."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Clear:
    """It is over."""

    kind: FaultKind
    component: str


@dataclass(frozen=True, slots=True)
class Event:
    """It happened, and has no end."""

    finding: Finding


Decision = Put | Clear | Event


class Standing:
    """What was said to be broken; says only what differs from that."""

    def __init__(self) -> None:
        self._said: dict[tuple[FaultKind, str], Finding] = {}

    def update(self, findings: Iterable[Finding]) -> list[Decision]:
        """All that is broken now; what is not among it any more is over."""
        now = {(finding.kind, finding.component): finding for finding in findings}
        if now == self._said:
            return []
        decisions: list[Decision] = [Put(finding) for key, finding in now.items() if self._said.get(key) != finding]
        decisions += [Clear(*key) for key in self._said if key not in now]
        self._said = now
        return decisions
