from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.api import incident as api
from nfvi_ha.api import schema
from nfvi_ha.core.fault import Fault, FaultKind, ResourceRef
from nfvi_ha.core.incident import STEP_CLEARED, Incident, Step
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.record.incident_record import DeliveryNote, new_object, read_record, status_of

from .conftest import START


def told(make_fault: Callable[..., Fault]) -> Incident:
    book = IncidentBook()
    raised = book.raise_fault(make_fault())
    assert raised is not None
    identity = raised[0].id
    later = START + timedelta(seconds=2)
    book.act(
        identity, Step("recovery.replacement.created", later, outcome="Succeeded", new_vm="fw-0-2", duration_ms=2000)
    )
    book.clear(identity, later, "slot 0 is served by fw-0-2")
    incident = book.get(identity)
    assert incident is not None
    return incident


def stored(incident: Incident, notes: tuple[DeliveryNote, ...]) -> dict[str, object]:
    obj = new_object(incident, "tenant", "cluster-1")
    obj["metadata"] |= {"uid": "x", "resourceVersion": "7"}
    return obj | {"status": status_of(incident, notes).to_json()}


def test_a_record_read_back_is_the_incident_that_was_written(make_fault: Callable[..., Fault]) -> None:
    incident = told(make_fault)
    notes = (DeliveryNote(f"{incident.id}.0", "vm.failed", "vim", "Delivered", 1, 204, START, 12),)
    record = read_record(stored(incident, notes))
    assert record is not None
    assert record.incident == incident
    assert record.deliveries == notes
    assert record.resource_version == "7"


def test_a_fault_caused_by_another_is_read_back_with_its_parent(make_fault: Callable[..., Fault]) -> None:
    """Also on a component whose name is longer than an object's may be."""
    host = ResourceRef("HypervisorComponent", "", f"{'n' * 253}/{'c' * 120}", "boot")
    fault = replace(
        make_fault(), kind=FaultKind.PROCESS_HUNG, resource=host, parent="hypervisor-failed-1f2e3d4c5b6a798897a6b5c4"
    )
    raised = IncidentBook().raise_fault(fault)
    assert raised is not None
    obj = stored(raised[0], ())
    jsonschema.validate(obj, schema.render(api.Incident)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    record = read_record(obj)
    assert record is not None
    assert record.incident.fault == fault


def test_the_record_fits_its_own_schema(make_fault: Callable[..., Fault]) -> None:
    incident = told(make_fault)
    crd = schema.render(api.Incident, cel=False)
    obj = stored(incident, (DeliveryNote(f"{incident.id}.0", "vm.failed", "vim"),))
    jsonschema.validate(obj, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def test_long_messages_are_cut_not_refused(make_fault: Callable[..., Fault]) -> None:
    incident = told(make_fault)
    fault = replace(incident.fault, message="x" * 5000, cause="C" * 100)
    obj = stored(replace(incident, fault=fault), ())
    record = read_record(obj)
    assert record is not None
    assert len(record.incident.fault.message) == 1024


@pytest.mark.parametrize(
    ("states", "cleared", "phase"),
    [
        ((), False, "Open"),
        (("Delivered",), False, "Open"),
        (("Delivered",), True, "Closed"),
        (("Delivered", "Retrying"), True, "Cleared"),
        (("Parked", "Expired", "Delivered"), True, "Closed"),
        ((), True, "Closed"),
    ],
)
def test_closed_only_when_cleared_and_nothing_is_left_to_deliver(
    make_fault: Callable[..., Fault], states: tuple[str, ...], cleared: bool, phase: str
) -> None:
    raised = IncidentBook().raise_fault(make_fault())
    assert raised is not None
    incident = raised[0]
    if cleared:
        incident = incident.with_step(Step(STEP_CLEARED, START, number=1))
    notes = [DeliveryNote(f"{incident.id}.0", "vm.failed", f"vim-{n}", state) for n, state in enumerate(states)]
    assert status_of(incident, notes).phase == phase


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_is_not_ours_is_left_alone(junk: object) -> None:
    assert read_record(junk) is None  # type: ignore[arg-type]
