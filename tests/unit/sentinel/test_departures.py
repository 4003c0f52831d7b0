"""A Node object that is deleted proves nothing of its host: for a while, all that was said of it stands."""

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import STEP_CLEARED
from nfvi_ha.core.verdict.alarms import CLEARED_GONE
from nfvi_ha.sentinel.app import Sentinel
from nfvi_ha.sentinel.departures import Departures
from nfvi_ha.sentinel.scribe.lines import Drop, FeedKind, Put, Synced

from .desk import fault

NODE = "worker-1"


def expect(sentinel: Sentinel, *nodes: str) -> None:
    for node in nodes:
        sentinel.feed.take(Put(FeedKind.NODE, node, {"uid": node, "bootID": "boot-1"}))
    sentinel.feed.take(Synced())
    sentinel.roster.settle()


def delete(sentinel: Sentinel, node: str) -> None:
    sentinel.feed.take(Drop(FeedKind.NODE, node))
    sentinel.roster.settle()


def review(sentinel: Sentinel) -> list[FaultKind]:
    sentinel.hosts.review(lambda node: not sentinel.roster.is_gone(node))
    sentinel.roster.forget_gone()
    return [incident.fault.kind for incident in sentinel.book.open_incidents()]


def is_known(sentinel: Sentinel) -> bool:
    return NODE in sentinel.lives.heard_at


@pytest.fixture
def passing(sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that have passed; the last counts."""
    passed = [0.0]
    monkeypatch.setattr(sentinel.clock, "monotonic", lambda: passed[-1])
    expect(sentinel, NODE, "worker-2")
    sentinel.teller.raise_fault(fault(), 0)
    sentinel.lives.heard_at[NODE] = 0.0
    return passed


async def test_a_failed_host_whose_node_is_deleted_stays_reported_for_a_minute(
    sentinel: Sentinel, passing: list[float]
) -> None:
    delete(sentinel, NODE)
    assert review(sentinel) == [FaultKind.HYPERVISOR_FAILED]
    passing.append(59.0)
    assert review(sentinel) == [FaultKind.HYPERVISOR_FAILED]
    assert is_known(sentinel)
    passing.append(61.0)
    assert review(sentinel) == []
    assert not is_known(sentinel)
    (incident,) = sentinel.book
    (end,) = [step for step in incident.steps if step.name == STEP_CLEARED]
    assert end.message == CLEARED_GONE


async def test_a_node_that_is_made_anew_within_the_minute_stays_reported(
    sentinel: Sentinel, passing: list[float]
) -> None:
    delete(sentinel, NODE)
    passing.append(50.0)
    expect(sentinel, NODE)
    passing.append(100.0)
    assert review(sentinel) == [FaultKind.HYPERVISOR_FAILED]
    assert is_known(sentinel)
    delete(sentinel, NODE)
    assert review(sentinel) == [FaultKind.HYPERVISOR_FAILED], "the minute begins anew"


def test_one_that_was_never_known_is_gone_a_while_after_it_was_asked_for() -> None:
    departures = Departures()
    assert not departures.is_gone("old", 10.0, 60.0)
    assert not departures.is_gone("old", 70.0, 60.0)
    assert departures.is_gone("old", 71.0, 60.0)
    assert departures.take(71.0, 60.0) == ["old"]
    assert departures.take(71.0, 60.0) == []


async def test_when_a_node_that_left_was_last_permitted_to_live_is_never_forgotten(
    sentinel: Sentinel, passing: list[float]
) -> None:
    assert sentinel.permits.ask(NODE, "boot-1")
    permitted = sentinel.permits.last(NODE, "boot-1").at
    assert permitted > sentinel.permits.started_at
    delete(sentinel, NODE)
    passing.append(61.0)
    review(sentinel)
    assert not is_known(sentinel)
    assert sentinel.permits.last(NODE, "boot-1").at == permitted
