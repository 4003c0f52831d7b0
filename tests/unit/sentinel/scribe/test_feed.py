"""What is said to the hot process: once per change, the newest only, and nothing of a half-known cluster."""

import itertools

from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import Drop, FeedKind, FeedLine, Put, Synced, decode


def said(feed: Feed, most: int = 256) -> list[FeedLine]:
    return [decode(line) for line in feed.take(most)]


def all_said(feed: Feed, most: int) -> list[FeedLine]:
    batches = iter(lambda: said(feed, most), [])
    return list(itertools.chain.from_iterable(batches))


def put(feed: Feed, key: str, **value: object) -> bool:
    return feed.put(FeedKind.NODE, key, dict(value))


def test_nothing_is_said_before_all_was_put_once() -> None:
    feed = Feed()
    put(feed, "a", x=1)
    assert said(feed) == []
    feed.set_synced()
    assert said(feed) == [Put(FeedKind.NODE, "a", {"x": 1}), Synced()]
    assert said(feed) == []


def test_synced_is_said_once_and_after_everything_that_went_before_it() -> None:
    feed = Feed()
    for key in "abcde":
        put(feed, key, x=1)
    feed.set_synced()
    lines = all_said(feed, 2)
    assert [line.key for line in lines if isinstance(line, Put)] == list("abcde")
    assert [isinstance(line, Synced) for line in lines] == [False] * 5 + [True]
    put(feed, "a", x=2)
    assert said(feed) == [Put(FeedKind.NODE, "a", {"x": 2})]


def test_many_changes_of_one_key_are_said_as_one() -> None:
    feed = Feed()
    feed.set_synced()
    said(feed)
    for number in range(10):
        put(feed, "a", x=number)
    assert said(feed) == [Put(FeedKind.NODE, "a", {"x": 9})]


def test_what_came_and_went_unsaid_is_said_to_be_gone_and_may_come_again() -> None:
    feed = Feed()
    feed.set_synced()
    said(feed)
    put(feed, "a", x=1)
    assert feed.drop(FeedKind.NODE, "a")
    assert said(feed) == [Drop(FeedKind.NODE, "a")]
    assert put(feed, "a", x=1)
    assert said(feed) == [Put(FeedKind.NODE, "a", {"x": 1})]


def test_the_same_again_is_no_change() -> None:
    wakes: list[int] = []
    feed = Feed(lambda: wakes.append(1))
    assert put(feed, "a", x=1)
    version = feed.version
    assert not put(feed, "a", x=1)
    assert not feed.drop(FeedKind.VM, "a")
    assert (feed.version, len(wakes)) == (version, 1)


def test_an_answer_is_said_at_once_and_is_part_of_no_state() -> None:
    feed = Feed()
    put(feed, "a", x=1)
    feed.answer("vm-failed-1", {"steps": 1, "serial": 7})
    assert said(feed) == [Put(FeedKind.WRITTEN, "vm-failed-1", {"steps": 1, "serial": 7})]
    assert [decode(line) for line in feed.snapshot()] == [Put(FeedKind.NODE, "a", {"x": 1}), Synced()]
