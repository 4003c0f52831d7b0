"""Incidents say what core says, in the same words."""

from typing import get_args

import pytest

from nfvi_ha.api import incident
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.core import fault

from .samples import changed, example

INCIDENT = changed(
    changed(example("incident"), "spec/fault/occurredAt", "2026-01-15T10:20:30.000Z"),
    "spec/parent",
    "hypervisor-failed-1f2e3d4c5b6a798897a6b5c4",
)


def test_words_are_those_of_core() -> None:
    assert set(get_args(incident.FaultKind)) == set(fault.FaultKind)
    assert set(get_args(incident.Severity)) == set(fault.Severity) - {fault.Severity.CLEARED}
    assert set(get_args(incident.Confidence)) == set(fault.Confidence)
    assert set(get_args(incident.EvidenceKind)) == set(fault.EvidenceKind)


def test_whole_object_survives_reading_and_writing() -> None:
    status = {
        "phase": "Recovering",
        "actions": [
            {
                "step": 1,
                "sequence": 7,
                "name": "recovery.replacement.created",
                "time": "2026-01-15T10:20:31.002Z",
                "outcome": "Succeeded",
                "message": "",
                "oldVM": "firewall-1-4",
                "newVM": "firewall-1-5",
                "durationMilliseconds": 41,
            }
        ],
        "deliveries": [],
        "delivered": "0/0",
        "evidence": [
            {
                "kind": "ProcessGone",
                "source": "virt-handler@worker-1",
                "detail": "phase Failed",
                "seenAt": "2026-01-15T10:20:30.412Z",
            }
        ],
        "seal": "k20260115t102030z:00ff",
    }

    assert incident.parse({**INCIDENT, "status": status}).to_json() == {**INCIDENT, "status": status}


def test_delivered_summary_counts_what_arrived() -> None:
    deliveries = tuple(
        incident.Delivery(notification="i.0", type="vm.failed", endpoint=name, state=state)
        for name, state in (("a", "Delivered"), ("b", "Parked"), ("c", "Delivered"))
    )

    assert incident.delivered_summary(deliveries) == "2/3"


@pytest.mark.parametrize("stamp", ["yesterday", "2026-01-15", "2026-01-15T10:20:30", 5, "0001-01-01T00:00:00+14:00"])
def test_time_without_zone_or_sense_is_refused(stamp: object) -> None:
    with pytest.raises(InvalidObject) as caught:
        incident.parse(changed(INCIDENT, "spec/fault/detectedAt", stamp))

    assert caught.value.field == "spec.fault.detectedAt"


def test_time_is_kept_in_utc() -> None:
    model = incident.parse(changed(INCIDENT, "spec/fault/detectedAt", "2026-01-15T11:20:30.5+01:00"))

    assert model.to_json()["spec"]["fault"]["detectedAt"] == "2026-01-15T10:20:30.500Z"
