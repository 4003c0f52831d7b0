import json
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nfvi_ha.api import incident as incident_api
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.ids import incident_id, notification_id
from nfvi_ha.reporting.catalogue import CATALOGUE, NotificationType, State, cleared_type, raised_type
from nfvi_ha.reporting.cloudevent import CONTENT_TYPE, encode, source_of
from nfvi_ha.reporting.notification import MAX_TEXT, SCHEMA_ID, Action, Notification, step_action
from nfvi_ha.reporting.reference import notification_schema

from .messages import SEEN, fault, one_of_each, raised

DOCS = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_of_fault_can_be_raised_and_cleared(kind: FaultKind) -> None:
    assert CATALOGUE[raised_type(kind)].state is State.RAISED
    assert CATALOGUE[cleared_type(kind)].state is State.CLEARED


def test_every_type_is_in_the_catalogue_and_raises_are_named_as_their_fault() -> None:
    assert set(CATALOGUE) == set(NotificationType)
    assert [raised_type(kind) for kind in FaultKind] == [kind.value for kind in FaultKind]


@pytest.mark.parametrize("name", NotificationType)
def test_every_type_obeys_the_published_schema(name: NotificationType) -> None:
    schema = json.loads((DOCS / "notification.schema.json").read_text())
    body, _ = encode(one_of_each()[name])
    data = json.loads(body)["data"]
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(data)
    assert set(data) <= set(schema["properties"])


def test_what_another_fault_caused_names_its_incident_in_every_message() -> None:
    notification = raised(parent="hypervisor-failed-1f2e3d4c5b6a798897a6b5c4")
    cleared = notification.cleared(1, sequence=2, at=SEEN, message="it is back")
    assert notification.parent == cleared.parent == "hypervisor-failed-1f2e3d4c5b6a798897a6b5c4"


def test_the_published_schema_refuses_an_unknown_type_and_a_missing_id() -> None:
    validator = jsonschema.Draft202012Validator(notification_schema())
    data = json.loads(encode(raised())[0])["data"]
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, "type": "vm.exploded"})
    assert not validator.is_valid({key: value for key, value in data.items() if key != "id"})


@pytest.mark.parametrize("name", NotificationType)
def test_a_cloudevents_library_reads_back_what_we_write(name: NotificationType) -> None:
    notification = one_of_each()[name]
    body, content_type = encode(notification)
    event = from_structured_event(HTTPMessage({"content-type": content_type}, body))
    assert content_type == CONTENT_TYPE == "application/cloudevents+json; charset=utf-8"
    assert (event.get_id(), event.get_source()) == (notification.id, "/nfvi-ha/site-1")
    assert event.get_type() == f"io.nfvi-ha.{name}"
    assert event.get_dataschema() == SCHEMA_ID
    assert event.get_extension("correlationid") == notification.incident
    data = event.get_data()
    assert isinstance(data, dict)
    assert Notification.model_validate(data).id == notification.id


def test_the_event_of_a_failed_vm_is_what_the_reference_says() -> None:
    event = json.loads(encode(raised(sequence=42))[0])
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": f"{raised().incident}.0",
        "source": "/nfvi-ha/site-1",
        "type": "io.nfvi-ha.vm.failed",
        "subject": "VirtualMachineInstance/tenant-a/web-0-1",
        "time": "2026-01-02T03:04:05.678Z",
        "datacontenttype": "application/json",
        "dataschema": SCHEMA_ID,
        "sequence": "0000000042",
        "severitytext": "CRITICAL",
        "severitynumber": 21,
        "correlationid": raised().incident,
        "partitionkey": "VirtualMachineInstance/tenant-a/web-0-1",
    }
    assert data["occurredAt"] == "2026-01-02T03:04:04.678Z"
    assert data["resource"] == {
        "kind": "VirtualMachineInstance",
        "namespace": "tenant-a",
        "name": "web-0-1",
        "uid": "uid-of-web-0-1",
        "node": "worker-1",
        "vnf": "web",
        "slot": 0,
    }
    assert "parent" not in data


def test_an_action_speaks_of_vms_as_the_incident_does() -> None:
    data = json.loads(encode(one_of_each()[NotificationType.REPLACEMENT_CREATED])[0])["data"]
    assert data["action"]["newVM"] == "web-0-2"
    assert data["action"]["durationMilliseconds"] == 420
    assert {"newVM", "oldVM", "durationMilliseconds"} <= set(
        incident_api.Action.model_json_schema(by_alias=True)["properties"]
    )


def test_observers_of_one_fault_make_one_id_and_a_new_episode_another() -> None:
    first, again, later = raised(), raised(at=SEEN + timedelta(milliseconds=80)), raised(episode=1)
    assert first.id == again.id != later.id
    assert first.id == notification_id(incident_id(fault().resource, FaultKind.VM_FAILED, 0), 0)


def test_the_source_stays_a_uri_whatever_the_cluster_is_called() -> None:
    assert source_of("site 1/é") == "/nfvi-ha/site%201%2F%C3%A9"


def test_a_clear_keeps_the_severity_of_the_fault_for_filters() -> None:
    clear = raised().cleared(3, sequence=4, at=SEEN, message="over")
    assert (clear.severity, clear.fault_severity) == (Severity.CLEARED, Severity.CRITICAL)
    assert (clear.type, clear.detected_at) == (NotificationType.VM_RECOVERED, SEEN)


def test_only_a_raise_has_step_zero() -> None:
    with pytest.raises(ValueError, match="step 0"):
        raised().cleared(0, sequence=4, at=SEEN, message="over")


def test_a_type_that_is_no_action_cannot_be_one() -> None:
    with pytest.raises(ValueError, match="not an action"):
        step_action(NotificationType.VM_FAILED, "Succeeded")


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "cleared"},
        {"kind": "vm.paused"},
        {"type": "recovery.held", "state": "action"},
        {"detectedAt": "2026-01-02T03:04:05"},
        {"sequence": -1},
    ],
)
def test_a_notification_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    data = raised().model_dump(mode="json", by_alias=True)
    Notification.model_validate(data)
    with pytest.raises(ValidationError):
        Notification.model_validate({**data, **changes})


@given(st.text(max_size=3 * MAX_TEXT))
def test_words_of_others_never_stop_a_report(message: str) -> None:
    try:
        message.encode()
    except UnicodeEncodeError:
        return
    notification = raised(message=message)
    assert len(notification.message) <= MAX_TEXT
    data = json.loads(encode(notification)[0])["data"]
    assert data["message"] == notification.message


def test_long_words_of_others_are_cut() -> None:
    notification = raised(message="x" * 5000, cause="C" * 500)
    assert len(notification.message) == MAX_TEXT
    assert notification.message.endswith("x…")
    assert len(notification.acted(1, _created("y" * 5000), sequence=2, at=SEEN, message="z" * 5000).message) == MAX_TEXT


def _created(detail: str) -> Action:
    return step_action(NotificationType.REPLACEMENT_CREATED, "Failed", detail=detail)


def test_outcomes_of_recorded_actions_can_all_be_told() -> None:
    told = set(notification_schema()["$defs"]["Action"]["properties"]["outcome"]["enum"])
    assert told >= set(incident_api.ActionOutcome.__args__)
