"""What of a Hypervisor's status is to be written: pure, from a report and what stands there."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from nfvi_ha.api.conditions import REACHABLE, with_condition
from nfvi_ha.api.hypervisor import MAX_PARTS, HypervisorStatus, agent_summary, hardware_summary
from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.hypervisor_state import hypervisor_state, is_reached
from nfvi_ha.sentinel.scribe.report import HypervisorReport

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

MAX_AGENTS: Final = 4
_TEXTS: Final[Mapping[str, int]] = {"component": 128, "cause": 63, "message": 1024, "incident": 63}
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_DETAILS: Final = ("vms", "agents", "hardware", "storagePaths", "watchdog")
"""As the hot process says them. What it leaves out stays as it is."""


def read_status(status: object) -> HypervisorStatus:
    """A stored status; an empty one where it cannot be read: it is our own writing, and made anew."""
    try:
        return HypervisorStatus.model_validate(status)
    except ValidationError:
        return HypervisorStatus()


def status_patch(report: HypervisorReport, stored: object, now: datetime) -> JsonObject:
    """The fields that differ, as a merge patch of the status; {} where all is so already.

    Args:
        report: what the hot process says.
        stored: the status as it stands in the API.
        now: wall clock, UTC, for a condition that changes.
    """
    there = read_status(stored)
    wanted = _wanted(report, there, now)
    content = wanted.to_json()
    named = {"state", "reason", "since", "confidence", "bootID", "agentSummary", "hardwareSummary", "conditions"}
    named |= {name for name in _DETAILS if report.details.get(name) is not None}
    raw = stored if isinstance(stored, dict) else {}
    return {name: content[name] for name in content if name in named and content[name] != raw.get(name, _EMPTY)}


_EMPTY: Final = object()
"""What is absent is not the same as what is empty: an absent count is unknown."""


def _wanted(report: HypervisorReport, there: HypervisorStatus, now: datetime) -> HypervisorStatus:
    sure = report.confidence is Confidence.HIGH
    state = hypervisor_state(report.state, there.state, sure=sure)
    status = there.model_copy(update=_details(report))
    changes: JsonObject = {
        "state": state,
        "since": there.since if state == there.state else report.since,
        "reason": report.reason[:63],
        "confidence": report.confidence.value,
        "boot_id": (report.boot_id or there.boot_id)[:63],
        "agent_summary": agent_summary(state, status.agents),
        "hardware_summary": hardware_summary(status.hardware),
    }
    if state is not None:
        reason = report.reason if _WORD.fullmatch(report.reason) else report.state
        changes["conditions"] = with_condition(
            there.conditions, REACHABLE, holds=is_reached(state), reason=reason, now=now
        )
    return status.model_copy(update=changes)


def _details(report: HypervisorReport) -> JsonObject:
    """The report's details as fields of the model; none of them where one cannot be used."""
    said = {name: report.details[name] for name in _DETAILS if report.details.get(name) is not None}
    for name, most in (("agents", MAX_AGENTS), ("hardware", MAX_PARTS), ("storagePaths", MAX_PARTS)):
        if isinstance(said.get(name), list):
            said[name] = [_clipped(part) for part in said[name][:most]]
    try:
        model = HypervisorStatus.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        log.warning("details refused", extra={"node": report.node, "field": where, "reason": first["msg"]})
        return {}
    return {name: getattr(model, name) for name in model.model_fields_set}


def _clipped(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {
        name: value[: _TEXTS[name]] if name in _TEXTS and isinstance(value, str) else value
        for name, value in part.items()
    }
