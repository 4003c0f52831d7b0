"""From what the rules decide to the table of faults."""

from collections.abc import Iterable

from nfvi_ha.agent.faults import FaultKey, FaultTable, Observed
from nfvi_ha.core.hardware.decision import Decision, Verb


def tell(table: FaultTable, decisions: Iterable[Decision]) -> None:
    """Put, clear, or note an event."""
    for decision in decisions:
        finding, rule = decision.finding, decision.finding.rule
        if rule.kind is None:
            continue
        key = FaultKey(rule.kind, finding.component)
        if decision.verb is Verb.CLEAR:
            table.clear(key)
            continue
        observed = Observed(rule.kind, rule.name, rule.severity, component=finding.component, detail=finding.detail)
        (table.put if decision.verb is Verb.PUT else table.event)(key, observed)
