"""What is written of a Hypervisor: what differs, and nothing twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nfvi_ha.core.fault import Confidence
from nfvi_ha.sentinel.scribe.hypervisor_status import status_patch
from nfvi_ha.sentinel.scribe.report import HypervisorReport
from tests.unit.sentinel.scribe.records_made import AT

UP = HypervisorReport("worker-1", "Up", "Steady", "boot-1", Confidence.HIGH, AT, {"vms": 7, "watchdog": "Armed"})
PART = {"component": "memory/mc0", "fault": "hardware.degraded", "cause": "CorrectedErrors", "severity": "warning"}
LATER = AT + timedelta(seconds=30)


def stored(report: HypervisorReport, before: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**(before or {}), **status_patch(report, before, AT)}


def test_a_new_object_gets_everything_and_the_same_again_is_not_written() -> None:
    status = stored(UP)
    assert (status["state"], status["since"], status["reason"]) == ("Up", "2026-01-02T03:04:05.000Z", "Steady")
    assert (status["vms"], status["watchdog"], status["bootID"], status["confidence"]) == (7, "Armed", "boot-1", "high")
    assert status["hardwareSummary"] == "OK"
    assert [(one["type"], one["status"]) for one in status["conditions"]] == [("Reachable", "True")]
    assert status_patch(UP, status, LATER) == {}


def test_the_state_keeps_the_time_at_which_it_began() -> None:
    status = stored(replace(UP, state="Failed"))
    patch = status_patch(replace(UP, state="Hung", reason="KernelAnswers", since=LATER), status, LATER)
    assert patch["reason"] == "KernelAnswers"
    assert "state" not in patch
    assert "since" not in patch
    assert stored(replace(UP, state="Returning", since=LATER), status)["since"] == "2026-01-02T03:04:35.000Z"


def test_what_the_hot_process_does_not_say_stays() -> None:
    status = stored(UP)
    patch = status_patch(replace(UP, details={"vms": None}, boot_id="", reason="Other"), status, LATER)
    assert set(patch) == {"reason", "conditions"}


def test_what_is_over_is_taken_out() -> None:
    status = stored(replace(UP, details={"hardware": [PART]}))
    assert status["hardwareSummary"] == "Degraded"
    patch = status_patch(replace(UP, details={"hardware": []}), status, LATER)
    assert (patch["hardware"], patch["hardwareSummary"]) == ([], "OK")


def test_what_is_too_long_or_too_much_is_cut() -> None:
    long = {**PART, "message": "m" * 3000, "cause": "C" * 100}
    status = stored(replace(UP, details={"hardware": [long] * 100}))
    assert len(status["hardware"]) == 64
    assert len(status["hardware"][0]["message"]) == 1024


@pytest.mark.parametrize("details", [{"vms": "many"}, {"hardware": [{"fault": "x"}]}, {"agents": 1}, {"watchdog": "?"}])
def test_details_that_cannot_be_used_do_not_keep_the_state_from_being_written(details: dict[str, Any]) -> None:
    assert stored(replace(UP, details=details))["state"] == "Up"


def test_one_seat_alone_makes_nobody_down() -> None:
    status = stored(replace(UP, state="Failed", confidence=Confidence.LOW))
    assert (status["state"], status["confidence"]) == ("Suspect", "low")
    assert status["conditions"][0]["status"] == "Unknown"


def test_conditions_of_others_stay() -> None:
    other = {"type": "Other", "status": "True", "reason": "Theirs", "lastTransitionTime": "2026-01-01T00:00:00.000Z"}
    status = stored(UP, {"conditions": [other]})
    assert [one["type"] for one in status["conditions"]] == ["Other", "Reachable"]


def test_a_stored_status_that_cannot_be_read_is_made_anew() -> None:
    assert stored(UP, {"state": "FromALaterRelease", "vms": "x"})["state"] == "Up"
