"""Which Incidents the hot process is told of."""

from dataclasses import replace

from nfvi_ha.core.incident import Incident
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind
from nfvi_ha.sentinel.scribe.told import Told
from tests.unit.sentinel.scribe.records_made import as_record, raised


def episode(number: int) -> Incident:
    step = replace(raised().steps[0], sequence=number + 1)
    return replace(raised(), id=f"vm-unready-{number}", episode=number, sequence_base=number + 1, steps=(step,))


def test_open_ones_and_the_newest_closed_one_are_told() -> None:
    feed = Feed()
    told = Told(feed, "nfvi-1")
    for number in range(5):
        told.put(as_record(episode(number), closed=number < 4))
    assert sorted(feed.keys(FeedKind.INCIDENT)) == ["vm-unready-3", "vm-unready-4"]


def test_one_that_is_closed_is_dropped_when_a_newer_one_is_closed_too() -> None:
    feed = Feed()
    told = Told(feed, "nfvi-1")
    told.put(as_record(episode(0), closed=True))
    told.put(as_record(episode(1)))
    assert len(feed.keys(FeedKind.INCIDENT)) == 2
    told.put(as_record(episode(1), closed=True))
    assert feed.keys(FeedKind.INCIDENT) == ["vm-unready-1"]


def test_the_one_before_is_told_again_when_the_newest_is_deleted() -> None:
    feed = Feed()
    told = Told(feed, "nfvi-1")
    for number in range(2):
        told.put(as_record(episode(number), closed=True))
    told.drop("vm-unready-1")
    assert feed.keys(FeedKind.INCIDENT) == ["vm-unready-0"]
    told.drop("vm-unready-0")
    told.drop("never-there")
    assert feed.keys(FeedKind.INCIDENT) == []
