"""What the scribe says, taken entry by entry."""

from pathlib import Path
from typing import Any

import pytest

from nfvi_ha.sentinel.feed import Change, Feed
from nfvi_ha.sentinel.numbers import verdict_policy
from nfvi_ha.sentinel.scribe.lines import Drop, FeedKind, Put, Synced, encode

NODE = {"uid": "u", "bootID": "b", "zone": "z", "governed": True, "addresses": {"mgmt": "192.0.2.1"}, "tcpPorts": [22]}
CONFIG = {"cluster": "site-1", "masterKeys": {"1": "00" * 32}, "voteKey": "11" * 32, "policy": {}}
ENDPOINT = {"object": {"apiVersion": "nfvi-ha.io/v1alpha1", "kind": "VIMEndpoint", "metadata": {"name": "vim"},
                       "spec": {"url": "http://192.0.2.9/n", "allowInsecure": True}}, "secrets": []}  # fmt: skip


class Taken:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.refused: list[tuple[str, str]] = []
        self.feed = Feed(self.changes.append, lambda kind, reason: self.refused.append((kind, reason)))

    def put(self, kind: FeedKind, key: str, value: dict[str, Any]) -> None:
        self.feed.line(encode(Put(kind, key, value)))


def test_entries_are_typed_values() -> None:
    taken = Taken()
    taken.put(FeedKind.CONFIG, "config", CONFIG)
    taken.put(FeedKind.NODE, "worker-1", NODE)
    taken.put(FeedKind.ENDPOINT, "vim", ENDPOINT)
    assert taken.feed.config is not None
    assert taken.feed.config.master_keys == {1: bytes(32)}
    assert taken.feed.nodes["worker-1"].boot_id == "b"
    assert taken.feed.endpoints["vim"].url == "http://192.0.2.9/n"


@pytest.mark.parametrize(
    ("kind", "key", "bad"),
    [
        (FeedKind.CONFIG, "config", {**CONFIG, "masterKeys": {"1": "zz"}}),
        (FeedKind.CONFIG, "config", {**CONFIG, "masterKeys": {}}),
        (FeedKind.NODE, "worker-1", {**NODE, "addresses": {"mgmt": "worker-1.example.com"}}),
        (FeedKind.NODE, "worker-1", {**NODE, "tcpPorts": [0]}),
        (FeedKind.VM, "uid", {"name": "web-0-1"}),
        (FeedKind.SEAT, "3", {"addresses": {"mgmt": "192.0.2.1"}, "port": 1}),
        (FeedKind.INCIDENT, "x", {"record": {"kind": "Incident"}}),
        (FeedKind.WRITTEN, "x", {"steps": -1}),
    ],
)
def test_a_bad_entry_is_refused_by_itself(kind: FeedKind, key: str, bad: dict[str, Any]) -> None:
    taken = Taken()
    taken.put(FeedKind.CONFIG, "config", CONFIG)
    taken.put(FeedKind.NODE, "worker-1", NODE)
    before = (taken.feed.config, dict(taken.feed.nodes), len(taken.changes))
    taken.put(kind, key, bad)
    assert taken.refused == [(kind.value, "Invalid")]
    assert (taken.feed.config, taken.feed.nodes, len(taken.changes)) == before
    taken.put(FeedKind.NODE, "worker-2", NODE)
    assert "worker-2" in taken.feed.nodes


def test_a_line_that_is_none_is_counted_and_harms_nothing() -> None:
    taken = Taken()
    for line in (b"{", b"[]", b'{"put":"moon","key":"x","value":{}}', b'{"put":"node"}'):
        taken.feed.line(line)
    assert len(taken.refused) == 4
    assert taken.changes == []


def test_an_endpoint_that_turns_bad_is_suspended_until_it_is_good_again() -> None:
    taken = Taken()
    taken.put(FeedKind.ENDPOINT, "vim", ENDPOINT)
    taken.put(FeedKind.ENDPOINT, "vim", {**ENDPOINT, "object": {**ENDPOINT["object"], "spec": {"url": "http://x/"}}})
    assert taken.feed.suspended == {"vim"}
    assert taken.feed.endpoints == {}
    taken.put(FeedKind.ENDPOINT, "vim", ENDPOINT)
    assert taken.feed.suspended == set()
    assert "vim" in taken.feed.endpoints


def test_what_the_cache_knew_and_the_scribe_does_not_tell_is_gone_when_it_has_told_all(tmp_path: Path) -> None:
    cache = tmp_path / "feed.json"
    puts = [Put(FeedKind.NODE, name, NODE) for name in ("worker-1", "worker-2")]
    cache.write_bytes(b"".join([*map(encode, puts), encode(Synced())]))
    taken = Taken()
    taken.feed.load(cache)
    assert not taken.feed.synced
    taken.feed.begin()
    taken.put(FeedKind.NODE, "worker-2", NODE)
    assert set(taken.feed.nodes) == {"worker-1", "worker-2"}
    taken.feed.line(encode(Synced()))
    assert set(taken.feed.nodes) == {"worker-2"}
    taken.feed.line(encode(Drop(FeedKind.NODE, "worker-2")))
    assert taken.feed.nodes == {}


def test_a_damaged_cache_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    cache = tmp_path / "feed.json"
    cache.write_bytes(encode(Put(FeedKind.NODE, "worker-1", NODE)) + b'{"put":"no')
    taken = Taken()
    taken.feed.load(cache)
    assert set(taken.feed.nodes) == {"worker-1"}
    taken.feed.load(tmp_path / "none")


def test_a_field_of_the_policy_that_cannot_be_used_leaves_its_default() -> None:
    policy = verdict_policy({"suspectSeconds": 0.5, "peers": "three", "confirm_seconds": -1, "unknown": 1}, ("mgmt",))
    default = verdict_policy({}, ("mgmt",))
    assert policy.suspect_seconds == 0.5
    assert (policy.peers, policy.confirm_seconds) == (default.peers, default.confirm_seconds)
    assert policy.networks == ("mgmt",)
