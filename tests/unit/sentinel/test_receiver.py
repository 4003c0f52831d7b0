"""The receiver: what is authentic and fresh is told once, and nothing else changes anything."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.sentinel.drops import MAX_SOURCES, OTHERS, Drop, Drops
from nfvi_ha.sentinel.sources import LEARNING_SECONDS
from tests.unit.sentinel.receiver_world import BOOT, CLUSTER, MASTERS, NODES, NONCES, OTHER_BOOT, World, beat

UNPROVEN = (7, 0, 9)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_a_beat_is_heard_with_all_that_a_verdict_needs(world: World) -> None:
    world.take(beat(episode=3, flags=Flags.REAL_TIME | Flags.SELF_SLOW))
    assert world.ear.of("heard") == [("worker-1", 0, BOOT, 100, True, True, 3)]
    assert world.dropped() == {}


def test_every_beat_is_heard_and_only_the_first_of_a_state_is_told(world: World) -> None:
    world.take(*(beat(sequence=number, lag_ms=number) for number in range(1, 11)))
    assert world.ear.counted() == {"heard": 10, "told": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"faults": b"\0\3new"},
        {"fault_generation": 1},
        {"inventory_generation": 1},
        {"flags": Flags(0)},
        {"watchdog": 1},
        {"incarnation": 101},
    ],
)
def test_another_state_is_told(world: World, change: dict[str, Any]) -> None:
    world.take(beat(), beat(sequence=2, **change), beat(sequence=3, **change))
    assert world.ear.counted() == {"heard": 3, "told": 2}


def test_a_beat_out_of_turn_is_no_other_state(world: World) -> None:
    world.take(beat(), beat(sequence=2, flags=Flags.REAL_TIME | Flags.NEW_FAULT))
    assert world.ear.counted() == {"heard": 2, "told": 1}


def test_the_same_beat_over_two_networks_is_heard_on_both_and_told_for_its_origin(world: World) -> None:
    world.take(beat(network=0), port=0)
    world.take(beat(network=1), port=1)
    assert [heard[1] for heard in world.ear.of("heard")] == [0, 1]
    assert [told.network for told in world.ear.of("told")] == [0, 1]
    world.take(beat(network=0, sequence=2), port=0)
    world.take(beat(network=1, sequence=2), port=1)
    assert world.ear.counted() == {"heard": 4, "told": 2}


def test_an_agent_that_sends_from_elsewhere_is_told(world: World) -> None:
    world.take(beat())
    world.take(beat(sequence=2), who="moved")
    assert world.ear.counted() == {"heard": 2, "told": 2}


def test_an_older_state_is_not_told_after_a_newer_one_of_the_faster_network(world: World) -> None:
    world.take(beat(network=0, sequence=1), port=0)
    world.take(beat(network=1, sequence=1), port=1)
    world.take(beat(network=0, sequence=3, fault_generation=2), port=0)
    world.take(beat(network=1, sequence=2, fault_generation=1), port=1)
    assert [told.fault_generation for told in world.ear.of("told")] == [0, 0, 2]
    assert world.ear.counted()["heard"] == 4


def test_a_state_that_came_back_is_told_even_by_a_network_that_missed_the_change(world: World) -> None:
    for port in (0, 1):
        world.take(beat(network=port, sequence=1), port=port)
    world.take(beat(network=1, sequence=2, flags=Flags.REAL_TIME | Flags.PROBES_DOWN), port=1)
    world.take(beat(network=0, sequence=3), port=0)
    assert [bool(told.flags & Flags.PROBES_DOWN) for told in world.ear.of("told")] == [False, False, True, False]


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", Drop.TOO_SHORT),
        (b"NH", Drop.VERSION),
        (b"garbage that is long enough to be a frame", Drop.MAGIC),
        (b"NH\2" + beat()[3:], Drop.VERSION),
        (beat()[:31], Drop.TOO_SHORT),
        (beat()[:100], Drop.TOO_SHORT),
        (beat(faults=bytes(500)) + bytes(1400), Drop.TOO_LONG),
        (beat()[:3] + b"\xee" + beat()[4:], Drop.KIND),
        (beat()[:3] + b"\2" + beat()[4:], Drop.KIND),
        (beat()[:3] + b"\5" + beat()[4:], Drop.KIND),
        (beat(cluster=cluster_id("other")), Drop.CLUSTER),
        (beat(node="stranger"), Drop.UNKNOWN_KEY),
        (beat()[:7] + b"\3" + beat()[8:], Drop.UNKNOWN_KEY),
        (beat()[:-1] + bytes([beat()[-1] ^ 1]), Drop.TAG),
        (beat(signer="worker-2"), Drop.TAG),
        (beat(network=1), Drop.NETWORK),
        (beat(watchdog=3), Drop.BODY),
        (beat(nonces=UNPROVEN), Drop.UNPROVEN),
    ],
)
def test_what_is_not_authentic_or_not_for_us_is_counted_and_changes_nothing(
    world: World, datagram: bytes, reason: Drop
) -> None:
    world.take(datagram)
    assert world.dropped() == {reason.value: 1}
    assert world.ear.changes == []
    world.take(beat())
    assert world.ear.counted() == {"heard": 1, "told": 1}
    assert world.receiver.drops.total == 2


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sequence": 5}, Drop.REPLAYED),
        ({"sequence": 4}, Drop.REPLAYED),
        ({"sequence": 4, "fault_generation": 9}, Drop.REPLAYED),
        ({"sequence": 99, "incarnation": 99}, Drop.STALE),
        ({"sequence": 99, "incarnation": 99, "boot_id": OTHER_BOOT}, Drop.STALE),
        ({"sequence": 99, "boot_id": OTHER_BOOT}, Drop.STALE),
    ],
)
def test_what_is_not_newer_changes_nothing(world: World, fields: dict[str, Any], reason: Drop) -> None:
    world.take(beat(sequence=5))
    before = list(world.ear.changes)
    world.take(beat(**fields))
    assert world.ear.changes == before
    assert world.dropped() == {reason.value: 1}


def test_a_beat_of_the_life_before_is_stale_on_every_network(world: World) -> None:
    """Also on one that has not heard the new life yet, and would know every byte of the old state."""
    world.take(beat(network=0), port=0)
    world.take(beat(network=1), port=1)
    world.take(beat(network=0, incarnation=101, boot_id=OTHER_BOOT), port=0)
    world.take(beat(network=1, sequence=2), port=1)
    assert world.dropped() == {"Stale": 1}
    assert world.ear.counted()["heard"] == 3


def test_all_key_ids_are_taken_so_keys_are_rotated_without_a_gap(world: World) -> None:
    world.take(beat(key_id=1, sequence=1), beat(key_id=2, sequence=2), beat(key_id=1, sequence=3))
    assert world.ear.counted() == {"heard": 3, "told": 1}


def test_a_key_that_was_taken_away_opens_nothing(world: World) -> None:
    world.take(beat())
    world.sources.configure(world.sources.cluster, {2: bytes(range(1, 33))}, {})
    world.take(beat(sequence=2), beat(key_id=2, sequence=3))
    assert world.dropped() == {"UnknownKey": 1}
    assert world.ear.counted()["heard"] == 2


def test_a_node_that_left_the_roster_and_came_back_cannot_be_played_back(world: World) -> None:
    world.take(beat(sequence=5))
    world.sources.set_nodes(NODES[1:])
    world.take(beat(sequence=6))
    world.sources.set_nodes(NODES)
    world.take(beat(sequence=5), beat(sequence=7))
    assert world.dropped() == {"UnknownKey": 1, "Replayed": 1}
    assert world.ear.counted()["heard"] == 2


def test_a_beat_is_answered_once_a_second_on_each_network(world: World) -> None:
    for number in range(1, 25):
        for port in (0, 1):
            world.take(beat(network=port, sequence=number), port=port)
        world.clock.now += 0.1
    assert [(due.network, due.sequence) for due in world.ear.dues] == [
        (0, 1),
        (1, 1),
        (0, 11),
        (1, 11),
        (0, 21),
        (1, 21),
    ]
    assert [answer.sequence for answer in world.answers()] == [1, 1, 11, 11, 21, 21]


def test_news_for_a_node_goes_with_the_next_answer(world: World) -> None:
    world.take(beat(sequence=1))
    world.receiver.answer_soon("worker-1")
    world.take(beat(sequence=2), beat(sequence=3))
    assert [due.sequence for due in world.ear.dues] == [1, 2]


def test_an_agent_without_our_nonce_learns_it_and_is_not_taken_for_alive(world: World) -> None:
    world.take(beat(nonces=UNPROVEN))
    (answer,) = world.answers()
    assert (answer.nonce, answer.permit) == (NONCES[1], False)
    assert world.ear.changes == []


def test_copies_of_an_old_beat_do_not_use_up_the_answers_that_the_node_waits_for(world: World) -> None:
    world.take(beat(nonces=UNPROVEN, sequence=50))
    world.clock.now += LEARNING_SECONDS
    world.take(beat(nonces=UNPROVEN, sequence=50), beat(nonces=UNPROVEN, sequence=49), who="attacker")
    world.take(beat(nonces=UNPROVEN, sequence=51))
    assert [due.sequence for due in world.ear.dues] == [50, 51]
    assert world.answers(who="attacker") == []


def test_beats_without_our_nonce_are_not_all_answered(world: World) -> None:
    world.take(*(beat(nonces=UNPROVEN, sequence=number) for number in range(1, 100)))
    assert len(world.ear.dues) == 1


def test_a_node_whose_clock_went_back_learns_what_to_step_over(world: World) -> None:
    world.take(beat(incarnation=1000))
    world.ear.dues.clear()
    world.take(*(beat(incarnation=10, boot_id=OTHER_BOOT, sequence=number) for number in range(1, 5)))
    (due,) = world.ear.dues
    assert (due.freshness, due.incarnation, due.sequence) == (Freshness.STALE, 1000, 1)
    world.take(beat(incarnation=1001, boot_id=OTHER_BOOT))
    assert world.ear.of("heard")[-1][2:4] == (OTHER_BOOT, 1001)


def test_an_answer_longer_than_its_question_is_not_sent(world: World) -> None:
    world.ear.due = lambda due, now: bytes(1000)  # type: ignore[method-assign]
    world.take(beat())
    registry = CollectorRegistry()
    registry.register(world.receiver)
    assert registry.get_sample_value("nfvi_ha_sentinel_answers_unsent_total") == 1
    with pytest.raises(BlockingIOError):
        world.sender("agent").recv(2048)


def test_a_listener_that_fails_costs_no_other_datagram(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.ear.fails = True
    with caplog.at_level(logging.WARNING):
        world.take(beat(sequence=1), beat(sequence=2))
    assert world.dropped() == {"Defect": 2}
    assert [record.exc_info is not None for record in caplog.records].count(True) == 1
    world.ear.fails = False
    world.take(beat(sequence=3), beat(node="worker-2"))
    assert world.ear.counted() == {"heard": 2, "told": 2}
    assert world.receiver.drops.total == 4


def test_drops_are_logged_once_a_minute_for_each_source_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    drops = Drops()
    with caplog.at_level(logging.WARNING):
        for second in range(130):
            drops.drop(Drop.TAG, "10.0.0.1", float(second))
        drops.drop(Drop.MAGIC, "10.0.0.1", 130.0)
        drops.drop(Drop.TAG, "10.0.0.2", 130.0)
    said = [(record.source, record.reason, record.unlogged_before) for record in caplog.records]  # type: ignore[attr-defined]
    assert said == [
        ("10.0.0.1", "Tag", 0),
        ("10.0.0.1", "Tag", 59),
        ("10.0.0.1", "Tag", 59),
        ("10.0.0.1", "Magic", 0),
        ("10.0.0.2", "Tag", 0),
    ]
    assert drops.total == 132


def test_forged_addresses_fill_neither_memory_nor_log(caplog: pytest.LogCaptureFixture) -> None:
    drops = Drops()
    with caplog.at_level(logging.WARNING):
        for number in range(10 * MAX_SOURCES):
            drops.drop(Drop.MAGIC, f"10.0.{number // 256}.{number % 256}", 1.0)
    assert len(caplog.records) == MAX_SOURCES + 1
    assert caplog.records[-1].source == OTHERS  # type: ignore[attr-defined]
    assert drops.dropped[Drop.MAGIC] == 10 * MAX_SOURCES


def test_sources_that_went_quiet_make_room(caplog: pytest.LogCaptureFixture) -> None:
    drops = Drops()
    for number in range(MAX_SOURCES):
        drops.drop(Drop.MAGIC, str(number), 1.0)
    with caplog.at_level(logging.WARNING):
        drops.drop(Drop.MAGIC, "new", 62.0)
    assert caplog.records[-1].source == "new"  # type: ignore[attr-defined]


def test_metrics_count_what_came_by_kind_and_reason(world: World) -> None:
    registry = CollectorRegistry()
    registry.register(world.receiver)
    world.take(beat(), beat(), b"garbage")
    value = registry.get_sample_value
    assert value("nfvi_ha_sentinel_frames_total", {"kind": "beat"}) == 1
    assert value("nfvi_ha_sentinel_datagrams_dropped_total", {"reason": "Replayed"}) == 1
    assert value("nfvi_ha_sentinel_datagrams_dropped_total", {"reason": "Magic"}) == 1
    address = ":".join(map(str, world.receiver.ports[0].address))
    assert value("nfvi_ha_sentinel_datagrams_lost_total", {"address": address}) == 0
    size = value("nfvi_ha_sentinel_receive_buffer_bytes", {"address": address})
    assert size is not None
    assert size > 0


def test_the_key_to_sign_with_is_the_newest(world: World) -> None:
    key = world.sources.newest_key("worker-1")
    assert key is not None
    assert key.key_id == 2
    assert world.sources.newest_key("stranger") is None


def test_a_socket_that_takes_any_network_does(world: World) -> None:
    other = World(networks=(None,))
    other.take(beat(network=0), beat(network=1))
    assert other.ear.counted()["heard"] == 2
    other.close()


def test_the_same_roster_and_keys_again_cost_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand nodes' keys take 20 ms to look at, and a feed tells of some node every now and then."""
    monkeypatch.setattr(world.sources, "_rebuild", lambda *_: pytest.fail("looked at all keys"))
    world.sources.configure(CLUSTER, MASTERS, {0: b"another vote key that is long enough"})
    world.sources.set_nodes(reversed(NODES))
    assert world.sources.vote_keys[0].startswith(b"another")


def test_a_bad_key_changes_nothing_of_the_configuration(world: World) -> None:
    with pytest.raises(ValueError, match="master key"):
        world.sources.configure(world.sources.cluster, {1: b"short"}, {})
    world.take(beat())
    assert world.ear.counted()["heard"] == 1
