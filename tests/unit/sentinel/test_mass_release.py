"""What a mass failure holds is let go when somebody with a name says so, on the Incident of that very failure."""

from dataclasses import replace

import pytest

from nfvi_ha.api.names import ANNOTATION_RELEASE
from nfvi_ha.core.fault import FaultKind, ResourceRef
from nfvi_ha.core.incident import STEP_CLEARED, Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.reporting.record.incident_record import IncidentRecord, read_record
from nfvi_ha.sentinel.app import Sentinel
from nfvi_ha.sentinel.scribe.entries import incident_entry
from nfvi_ha.sentinel.scribe.lines import FeedKind, Put

from .desk import fault

NAMESPACE = "nfvi-ha-system"
NODES = ("worker-1", "worker-2", "worker-3")
NFVI = ResourceRef("NFVI", "", "site-1", "nfvi")


def mass(episode: int = 0) -> Incident:
    book, root = IncidentBook(), fault(FaultKind.MASS_FAILURE, resource=NFVI, node="", cause="TooManyAtOnce")
    for _ in range(episode):
        made = book.raise_fault(root)
        assert made is not None
        book.clear(made[0].id, root.detected_at)
    made = book.raise_fault(root)
    assert made is not None
    return made[0]


def tell(sentinel: Sentinel, incident: Incident, released_by: str = "") -> None:
    """As its scribe does."""
    record = as_record(incident)
    entry = incident_entry(replace(record, released_by=released_by), "site-1")
    sentinel.feed.take(Put(FeedKind.INCIDENT, incident.id, entry))
    sentinel.roster.settle()


def as_record(incident: Incident) -> IncidentRecord:
    return IncidentRecord(incident, (), NAMESPACE, "1", closed=False)


def expect_nodes(sentinel: Sentinel) -> None:
    for node in NODES:
        sentinel.feed.take(Put(FeedKind.NODE, node, {"uid": node, "bootID": "boot-1"}))
    sentinel.roster.settle()


async def test_a_name_on_its_incident_releases_it_and_is_in_the_message_of_the_clear(sentinel: Sentinel) -> None:
    expect_nodes(sentinel)
    for node in NODES:
        made = IncidentBook().raise_fault(fault(resource=ResourceRef("Hypervisor", "", node, "boot-1"), node=node))
        assert made is not None
        tell(sentinel, made[0])
    tell(sentinel, mass())
    sentinel.judge.tick()
    assert mass().id in {incident.id for incident in sentinel.book.open_incidents()}
    tell(sentinel, mass(), "Jane Doe")
    root = sentinel.book.get(mass().id)
    assert root is not None
    (clear,) = (step for step in root.steps if step.name == STEP_CLEARED)
    assert clear.message == "released by Jane Doe"
    assert {incident.fault.kind for incident in sentinel.book.open_incidents()} == {FaultKind.HYPERVISOR_FAILED}


async def test_a_name_on_an_older_one_releases_nothing(sentinel: Sentinel) -> None:
    expect_nodes(sentinel)
    tell(sentinel, mass(episode=1))
    older = mass()
    tell(sentinel, older, "Jane Doe")
    newest = sentinel.book.get(mass(episode=1).id)
    assert newest is not None
    assert not newest.cleared


async def test_a_seat_that_comes_back_to_a_released_one_lets_go_too(sentinel: Sentinel) -> None:
    expect_nodes(sentinel)
    tell(sentinel, mass(), "Jane Doe")
    assert not sentinel.book.open_incidents()


@pytest.mark.parametrize(
    ("written", "name"), [("Jane Doe", "Jane Doe"), ("  Jane\n Doe ", "Jane Doe"), ("x" * 100, "x" * 63), ("\n", "")]
)
def test_the_name_is_one_line(written: str, name: str) -> None:
    obj = incident_entry(as_record(mass()), "site-1")["record"]
    obj["metadata"]["annotations"] = {ANNOTATION_RELEASE: written}
    record = read_record(obj)
    assert record is not None
    assert record.released_by == name
