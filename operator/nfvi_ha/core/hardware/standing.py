"""Which findings stand, since when something was said of them, and until when they do without being seen again."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware.decision import Decision, Finding, Verb
from nfvi_ha.core.hardware.rule import Rule, Source

MOST: Final = 128
"""Standing at once. Names come from the kernel's log, too, which must not be able to fill the memory or the beats."""
_RANK: Final = {severity: rank for rank, severity in enumerate(Severity)}

Key = tuple[FaultKind, str]


class Standing:
    """What was put and not cleared. Of two with the same kind and component the more severe one is said."""

    def __init__(self) -> None:
        self._standing: dict[Key, tuple[Finding, float]] = {}

    def hold(self, finding: Finding, until: float = math.inf) -> list[Decision]:
        """It is so; without being said again, it stands until then."""
        kind = finding.rule.kind
        if kind is None:
            return []
        key = (kind, finding.component)
        known = self._standing.get(key)
        if known is None:
            if len(self._standing) >= MOST:
                return []
            self._standing[key] = (finding, until)
            return [Decision(Verb.PUT, finding)]
        said, before = known
        worse = _RANK[finding.rule.severity] < _RANK[said.rule.severity]
        # The same said again in other words (a count, a sector) is no news; sentinels keep the first words anyway.
        kept = finding if worse else said
        self._standing[key] = (kept, max(until, before))
        return [Decision(Verb.PUT, finding)] if worse else []

    def end(self, kind: FaultKind, component: str) -> list[Decision]:
        """It is over; nothing happens if it did not stand."""
        known = self._standing.pop((kind, component), None)
        return [] if known is None else [Decision(Verb.CLEAR, known[0])]

    def only(self, source: Source, findings: Iterable[Finding]) -> list[Decision]:
        """These are all that there are of a source that is looked at as a whole; others of it are over."""
        decisions: list[Decision] = []
        there = {(finding.rule.kind, finding.component): finding for finding in findings}
        over = [
            key for key, (said, until) in self._standing.items() if said.rule.source is source and until == math.inf
        ]
        for key in over:
            if key not in there:
                decisions += self.end(*key)
        for finding in there.values():
            decisions += self.hold(finding)
        return decisions

    def expire(self, now: float) -> list[Decision]:
        """End what was not seen again."""
        late = [key for key, (_, until) in self._standing.items() if until <= now]
        return [decision for key in late for decision in self.end(*key)]

    def has(self, kind: FaultKind | None, component: str) -> bool:
        """Whether it stands."""
        return kind is not None and (kind, component) in self._standing

    def findings(self) -> list[Finding]:
        """All that stand."""
        return [finding for finding, _ in self._standing.values()]

    def to_json(self) -> list[Any]:
        """For another process of the same boot."""
        return [
            [said.rule.name, said.component, said.detail, None if until == math.inf else until]
            for said, until in self._standing.values()
        ]

    def restore(self, rows: Iterable[Any], rules: Mapping[str, Rule]) -> list[Decision]:
        """What ``to_json`` gave; rules that there are no more are left out.

        Raises:
            TypeError, ValueError: it did not.
        """
        decisions: list[Decision] = []
        for name, component, detail, until in rows:
            if name in rules:
                finding = Finding(rules[name], str(component), str(detail))
                decisions += self.hold(finding, math.inf if until is None else float(until))
        return decisions
