"""The book says each thing once, in order, whoever tells it what and however often."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.incident import ActionName, Incident, Step
from nfvi_ha.core.incident_book import IncidentBook, confidence

from .builders import GONE, T0, after, make_fault

FAULT = make_fault()
UNREADY = make_fault(FaultKind.VM_UNREADY)
CREATED = Step(ActionName.REPLACEMENT_CREATED.value, after(1), new_vm="web-0-2")
HELD = Step(ActionName.HELD.value, after(1))


def raised(book: IncidentBook, fault: object = FAULT) -> Incident:
    made = book.raise_fault(fault)  # type: ignore[arg-type]
    assert made is not None
    return made[0]


def test_a_fault_is_raised_once() -> None:
    book = IncidentBook()
    incident = raised(book)

    assert book.raise_fault(FAULT) is None
    assert [step.number for step in incident.steps] == [0]


def test_two_books_come_to_the_same_id() -> None:
    assert raised(IncidentBook()).id == raised(IncidentBook()).id


def test_a_step_is_told_once_for_each_new_vm() -> None:
    book = IncidentBook()
    incident = raised(book)

    first = book.act(incident.id, CREATED)
    assert first is not None
    assert first[1].number == 1
    assert book.act(incident.id, CREATED) is None
    second = book.act(incident.id, replace(CREATED, new_vm="web-0-3"))
    assert second is not None
    assert second[1].number == 2
    assert book.act(incident.id, HELD) is not None
    assert book.act(incident.id, HELD) is None


def test_nothing_follows_the_clear() -> None:
    book = IncidentBook()
    incident = raised(book)

    assert book.clear(incident.id, after(5)) is not None
    assert book.clear(incident.id, after(6)) is None
    assert book.act(incident.id, CREATED) is None
    assert book.open_incidents() == []


def test_what_nobody_raised_can_be_neither_acted_on_nor_cleared() -> None:
    assert IncidentBook().act("vm-failed-x", HELD) is None
    assert IncidentBook().clear("vm-failed-x", T0) is None


def test_the_same_fault_after_its_clear_is_another_episode() -> None:
    book = IncidentBook()
    first = raised(book, UNREADY)
    book.clear(first.id, after(1))

    second = raised(book, UNREADY)

    assert (first.episode, second.episode) == (0, 1)
    assert first.id != second.id


def test_a_vm_fails_once() -> None:
    book = IncidentBook()
    book.clear(raised(book).id, after(1))

    assert book.raise_fault(FAULT) is None


def test_a_vm_of_the_same_name_is_another_resource() -> None:
    book = IncidentBook()
    first = raised(book)
    again = make_fault(resource=replace(FAULT.resource, uid="uid-reborn"))

    second = raised(book, again)

    assert (first.episode, second.episode) == (0, 0)
    assert first.id != second.id
    assert second.sequence(second.steps[0]) > first.sequence(first.steps[0])


def test_better_evidence_of_a_known_fault_is_kept() -> None:
    book = IncidentBook()
    incident = raised(book)
    assert not list(book.evidence_for(FAULT.resource))
    assert confidence(incident) is Confidence.LOW

    assert book.raise_fault(replace(FAULT, evidence=GONE)) is None
    assert book.raise_fault(replace(FAULT, evidence=replace(GONE, seen_at=after(9)))) is None

    known = book.get(incident.id)
    assert known is not None
    assert known.evidence == (GONE,)
    assert confidence(known) is Confidence.HIGH
    assert list(book.evidence_for(FAULT.resource)) == [GONE]
    assert not list(book.evidence_for(replace(FAULT.resource, uid="uid-reborn")))


def test_faults_of_one_vm_that_interleave_are_numbered_in_the_order_they_are_told() -> None:
    book = IncidentBook()
    unready = raised(book, UNREADY)
    failed = raised(book)
    made = book.clear(unready.id, after(1))
    acted = book.act(failed.id, HELD)
    assert made is not None
    assert acted is not None

    told = [unready.sequence(unready.steps[0]), failed.sequence(failed.steps[0])]
    told += [made[0].sequence(made[1]), acted[0].sequence(acted[1])]

    assert told == [1, 2, 3, 4]


def test_a_record_without_sequences_keeps_those_that_are_known() -> None:
    book = IncidentBook()
    raised(book, UNREADY)
    failed = raised(book)
    book.act(failed.id, HELD)
    known = book.get(failed.id)
    assert known is not None
    bare = replace(known, steps=tuple(replace(step, sequence=0) for step in known.steps))

    assert book.learn(bare) == known


def test_what_is_forgotten_is_unknown() -> None:
    book = IncidentBook()
    incident = raised(book)
    book.forget(incident.id)
    book.forget(incident.id)

    assert book.get(incident.id) is None
    assert book.of_resource(FAULT.resource) == []
    assert list(book) == []


WHAT = st.sampled_from(["raise", "clear", "act", "held"])
KINDS = st.sampled_from([FaultKind.VM_FAILED, FaultKind.VM_UNREADY, FaultKind.VM_PAUSED])
HISTORY = st.lists(st.tuples(WHAT, KINDS, st.sampled_from(["a", "b"]), st.integers(0, 3)), max_size=30)


@given(history=HISTORY)
def test_sequences_grow_and_no_id_is_told_twice_under_any_interleaving(
    history: list[tuple[str, FaultKind, str, int]],
) -> None:
    book, told = IncidentBook(), []
    for what, kind, incarnation, number in history:
        resource = replace(FAULT.resource, uid=incarnation)
        if what == "raise":
            made = book.raise_fault(make_fault(kind, resource=resource))
        else:
            opened = book.open_incident(resource, kind)
            if opened is None:
                continue
            step = replace(CREATED, new_vm=f"vm-{number}") if what == "act" else HELD
            made = book.clear(opened.id, T0) if what == "clear" else book.act(opened.id, step)
        if made is not None:
            told.append((made[0].sequence(made[1]), f"{made[0].id}.{made[1].number}"))

    assert [sequence for sequence, _ in told] == list(range(1, len(told) + 1))
    assert len({name for _, name in told}) == len(told)


def _versions(steps: int) -> list[Incident]:
    """An incident as it was written again and again, each time with one step more."""
    book = IncidentBook()
    versions = [raised(book)]
    for number in range(steps):
        made = book.act(versions[0].id, replace(CREATED, new_vm=f"web-0-{number + 2}"))
        assert made is not None
        versions.append(made[0])
    book.raise_fault(replace(FAULT, evidence=GONE))
    made = book.clear(versions[0].id, after(60))
    assert made is not None
    return [*versions, made[0]]


@given(order=st.permutations(range(5)), twice=st.lists(st.integers(0, 4), max_size=4))
def test_records_may_be_learned_in_any_order_and_again(order: list[int], twice: list[int]) -> None:
    versions = _versions(3)
    book = IncidentBook()

    for index in (*order, *twice):
        book.learn(versions[index])

    assert book.get(versions[0].id) == versions[-1]


def test_what_is_not_written_yet_outlives_an_older_record() -> None:
    book = IncidentBook()
    incident = raised(book)
    book.act(incident.id, CREATED)

    merged = book.learn(incident)

    assert [step.name for step in merged.steps] == ["raised", CREATED.name]


def test_the_record_wins_where_two_tell_different_steps() -> None:
    book = IncidentBook()
    incident = raised(book)
    book.act(incident.id, CREATED)
    recorded = incident.with_step(replace(HELD, number=1, sequence=2))

    merged = book.learn(recorded)

    assert [step.name for step in merged.steps] == ["raised", HELD.name]
    assert book.act(incident.id, CREATED) is not None
