"""What of a Hypervisor's status is to be written: pure, from a report and what stands there."""

from typing import Any, Final

from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.hypervisor_state import hypervisor_state
from nfvi_ha.sentinel.scribe.report import HypervisorReport

JsonObject = dict[str, Any]

DETAILS: Final = ("vms", "agents", "hardware", "storagePaths", "watchdog", "conditions")
"""Written as the hot process says them. What it leaves out, or has nothing to say of, stays."""


def status_patch(report: HypervisorReport, status: JsonObject) -> JsonObject:
    """The fields that differ, as a merge patch of the status; {} where all is so already."""
    wanted: JsonObject = {name: report.details[name] for name in DETAILS if report.details.get(name) is not None}
    if not wanted.get("conditions"):
        wanted.pop("conditions", None)
    sure = report.confidence is Confidence.HIGH
    state = hypervisor_state(report.state, str(status.get("state") or ""), sure=sure)
    if state and state != status.get("state"):
        wanted |= {"state": state, "since": format_stamp(report.since)}
    if state:
        wanted["reason"] = report.reason
    return {name: value for name, value in wanted.items() if not _same(value, status.get(name))}


def _same(wanted: Any, there: Any) -> bool:
    """Empty and absent mean the same to a reader, and a server may have left either out."""
    return bool(_without_empty(wanted) == _without_empty(there))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        items = ((name, _without_empty(item)) for name, item in value.items())
        return {name: item for name, item in items if item not in (None, "", [], {})} or None
    if isinstance(value, list):
        return [_without_empty(item) for item in value] or None
    return None if value in (None, "") else value
