"""The book of hardware: counters, rates and what stands. It is told what is read, and answers what is to be said.

The first reading of a counter in a boot is a baseline where the fault would pass with time: when those errors were,
nobody knows. Where it is an event (uncorrected memory, fatal PCIe), errors from before are told: the counters
began with this boot, and nobody else told of them.
What was told before a restart of the agent is known by the file that ``to_json`` goes to; if that was lost it is told
again, under the same incident.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from nfvi_ha.core.hardware.bucket import Bucket
from nfvi_ha.core.hardware.counter import increase
from nfvi_ha.core.hardware.decision import Decision, Finding, Verb
from nfvi_ha.core.hardware.rule import Lasting, Rule, Source
from nfvi_ha.core.hardware.standing import Standing

MOST_COUNTERS: Final = 20_000
MOST_BUCKETS: Final = 5_000
BEFORE: Final = "before the agent looked"


class HardwareBook:
    """All that is known of the hardware of one boot.

    Args:
        rules: all rules by name, with the rates that are in force.
        seen: told of errors by rule and component, for metrics.
    """

    def __init__(
        self, rules: Mapping[str, Rule], seen: Callable[[str, str, int], None] = lambda rule, component, errors: None
    ) -> None:
        self._rules = rules
        self._seen = seen
        self._counters: dict[str, int] = {}
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._families: set[str] = set()
        self.standing = Standing()

    def counted(self, rule: Rule, component: str, counter: str, value: int, what: str, now: float) -> list[Decision]:
        """A counter reads so. ``what`` it counts is for people, e.g. "corrected errors on DIMM_A1"."""
        first = counter not in self._counters
        self._families.add(_family(counter))
        more = increase(self._counters.get(counter, 0), value)
        self._keep(counter, value)
        if first and rule.lasting is not Lasting.EVENT:
            return []
        if more == 0:
            return []
        said = f"{more} {what}"
        return self.happened(rule, component, f"{said} {BEFORE}" if first else said, now, more)

    def happened(self, rule: Rule, component: str, seen: str, now: float, errors: int = 1) -> list[Decision]:
        """So many errors, now."""
        rule = self._rules.get(rule.name, rule)
        self._seen(rule.name, component, errors)
        if rule.kind is None:
            return []
        if rule.rate is not None:
            bucket = self._bucket(rule.name, component)
            if not bucket.add(errors, rule.rate, now):
                return []
            seen = f"{seen}, {rule.rate}"
        finding = Finding(rule, component, rule.detail(seen))
        if rule.lasting is Lasting.EVENT:
            return [Decision(Verb.EVENT, finding)]
        return self.standing.hold(finding, now + _hold_seconds(rule))

    def over(self, rule: Rule, component: str) -> list[Decision]:
        """Something says that it is over."""
        return [] if rule.kind is None else self.standing.end(rule.kind, component)

    def present(self, source: Source, findings: Iterable[Finding]) -> list[Decision]:
        """All states of a source, as they are now."""
        found = list(findings)
        decisions = self.standing.only(source, found)
        for decision in decisions:
            if decision.verb is Verb.PUT:
                self._seen(decision.finding.rule.name, decision.finding.component, 1)
        return decisions

    def stands(self, rule: Rule, component: str) -> bool:
        """Whether it was said and is not over."""
        return self.standing.has(rule.kind, component)

    def counts(self, family: str) -> bool:
        """Whether this process read counters of e.g. "edac/mc0": then they are the truth, and the log their echo."""
        return family in self._families

    def tick(self, now: float) -> list[Decision]:
        """What time alone ends. To be called about once a second."""
        decisions = self.standing.expire(now)
        for (name, component), bucket in list(self._buckets.items()):
            rule = self._rules.get(name)
            if rule is None or rule.rate is None or rule.kind is None:
                continue
            was = bucket.over
            if not bucket.add(0, rule.rate, now) and was:
                decisions += self.standing.end(rule.kind, component)
            if not bucket.over and bucket.level == 0.0:
                del self._buckets[name, component]
        return decisions

    def to_json(self) -> dict[str, Any]:
        """For another process of the same boot, whose monotonic clock is the same."""
        return {
            "counters": dict(self._counters),
            "buckets": [
                [name, component, each.level, each.at, each.over] for (name, component), each in self._buckets.items()
            ],
            "standing": self.standing.to_json(),
        }

    def restore(self, value: Mapping[str, Any]) -> list[Decision]:
        """What an earlier process left; what stands is said again.

        Raises:
            KeyError, TypeError, ValueError, AttributeError, OverflowError: it is damaged.
        """
        self._counters = {str(name): int(count) for name, count in value["counters"].items()}
        self._buckets = {
            (str(name), str(component)): Bucket(float(level), float(at), bool(over))
            for name, component, level, at, over in value["buckets"]
        }
        return self.standing.restore(value["standing"], self._rules)

    def _keep(self, counter: str, value: int) -> None:
        if counter not in self._counters and len(self._counters) >= MOST_COUNTERS:
            del self._counters[next(iter(self._counters))]
        self._counters[counter] = value

    def _bucket(self, name: str, component: str) -> Bucket:
        bucket = self._buckets.get((name, component))
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            bucket = self._buckets[name, component] = Bucket()
        return bucket


def _hold_seconds(rule: Rule) -> float:
    """A rate ends before that, with its bucket (see ``tick``); the time is for a bucket that was lost."""
    return rule.hold_seconds if rule.rate is None else max(rule.hold_seconds, 4 * rule.rate.seconds)


def _family(counter: str) -> str:
    return "/".join(counter.split("/", 2)[:2])
