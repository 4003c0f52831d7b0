"""The hot process's word on an incident beside what is on record."""

from nfvi_ha.core.incident import Incident
from nfvi_ha.sentinel.scribe.merging import merged
from tests.unit.sentinel.scribe.records_made import raised, with_evidence, with_step


def steps(incident: Incident) -> list[tuple[int, str]]:
    return [(step.number, step.name) for step in incident.steps]


def test_an_incident_nobody_knows_is_taken_as_it_is() -> None:
    assert merged(None, raised()) == raised()


def test_a_clear_is_added_to_what_is_known() -> None:
    assert steps(merged(raised(), with_step(raised(), "cleared"))) == [(0, "raised"), (1, "cleared")]


def test_a_number_that_somebody_else_took_is_not_given_twice() -> None:
    known = with_step(raised(), "recovery.replacement.created", new_vm="fw-0-2")
    result = merged(known, with_step(raised(), "cleared"))
    assert steps(result) == [(0, "raised"), (1, "recovery.replacement.created"), (2, "cleared")]
    sequences = [result.sequence(step) for step in result.steps]
    assert sequences == sorted(set(sequences))


def test_what_is_on_record_is_not_changed_and_nothing_follows_the_clear() -> None:
    known = with_step(raised(), "cleared")
    assert merged(known, with_step(with_step(raised(), "recovery.held"), "cleared")) == known
    assert merged(known, raised()) == known


def test_evidence_is_added_once() -> None:
    known = with_evidence(raised(), "virt-handler@worker-1")
    said = with_evidence(with_evidence(raised(), "agent@worker-1"), "virt-handler@worker-1")
    result = merged(known, said)
    assert [one.source for one in result.evidence] == ["virt-handler@worker-1", "agent@worker-1"]
    assert merged(result, said) == result
