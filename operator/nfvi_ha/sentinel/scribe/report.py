"""What the hot process says of one hypervisor."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nfvi_ha.core.fault import Confidence

JsonObject = dict[str, Any]


class BadReport(ValueError):  # noqa: N818 - what it is
    """A report that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class HypervisorReport:
    """The whole of what a sentinel knows of one hypervisor."""

    node: str
    state: str
    """A word of ``core.verdict.outputs.NodeState``."""
    reason: str
    boot_id: str
    confidence: Confidence
    since: datetime
    details: JsonObject = field(default_factory=dict)
    """Fields of the Hypervisor's status as they are to be there: vms, agents, hardware, storagePaths, watchdog, ..."""


def read_report(order: JsonObject) -> HypervisorReport:
    """Read the order's content.

    Raises:
        BadReport: a field is missing or of a wrong form.
    """
    words = {name: order.get(name, "") for name in ("node", "state", "reason", "bootID", "confidence", "since")}
    wrong = [name for name, value in words.items() if not isinstance(value, str)]
    if wrong or not words["node"] or not words["state"]:
        raise BadReport(f"report on a hypervisor without usable {', '.join(wrong) or 'node or state'}")
    try:
        since = datetime.fromisoformat(words["since"])
    except ValueError as error:
        raise BadReport(f"report on {words['node']}: since {words['since']!r} is no time") from error
    if since.tzinfo is None:
        raise BadReport(f"report on {words['node']}: since {words['since']!r} has no zone")
    # What is not surely a quorum's word is one seat's.
    confidence = Confidence.HIGH if words["confidence"] == Confidence.HIGH.value else Confidence.LOW
    details = {name: value for name, value in order.items() if name not in words}
    return HypervisorReport(
        node=words["node"],
        state=words["state"],
        reason=words["reason"],
        boot_id=words["bootID"],
        confidence=confidence,
        since=since.astimezone(UTC),
        details=details,
    )
