"""From what the state machines decide to the table of faults."""

from nfvi_ha.agent.faults import FaultKey, FaultTable, Observed
from nfvi_ha.core.links.decision import Clear, Decision, Finding, Put


def tell(table: FaultTable, decision: Decision) -> None:
    """Put, clear, or note an event."""
    if isinstance(decision, Clear):
        table.clear(FaultKey(decision.kind, decision.component))
        return
    finding = decision.finding
    key = FaultKey(finding.kind, finding.component)
    (table.put if isinstance(decision, Put) else table.event)(key, _observed(finding))


def _observed(finding: Finding) -> Observed:
    return Observed(
        finding.kind,
        finding.cause,
        finding.severity,
        finding.confidence,
        component=finding.component,
        detail=finding.detail,
    )
