"""Frames beside beats: told when authentic and fresh, each to its listener."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nfvi_ha.core.verdict.inputs import Method, Opinion, Outcome, Reach, Vote
from nfvi_ha.core.wire.answer import Answer, encode_answer
from nfvi_ha.core.wire.echo import EchoReply, EchoRequest, encode_echo_reply, encode_echo_request
from nfvi_ha.core.wire.goodbye import Goodbye, GoodbyeReason, encode_goodbye
from nfvi_ha.core.wire.inventory import Inventory, VmEntry, encode_inventory, pack_entries
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.probe import Found, ProbeResult, encode_probe_result
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.core.wire.votes import SeatBeat, Told, VoteFrame, encode_seat_beat, encode_told, encode_vote
from nfvi_ha.sentinel.sources import LIVES_KEPT, Fellow
from tests.unit.sentinel.receiver_world import (
    BOOT,
    CLUSTER,
    MASTERS,
    NODES,
    NONCES,
    OTHER_BOOT,
    SEAT,
    VOTE_KEY,
    World,
    beat,
)

NODE = NODES[0]
KEY = node_key(MASTERS[1], NODE, 1)
UNPROVEN = (7, 0, 9)
VMS = pack_entries((VmEntry("uid", "prod", "web-0-1", "web", 0),))


@pytest.fixture
def world() -> Iterator[World]:
    made = World(networks=(None,))
    yield made
    made.close()


def inventory(generation: int = 1, part: int = 0, incarnation: int = 100, nonces: Any = NONCES) -> bytes:
    return encode_inventory(Inventory(NODE, BOOT, incarnation, generation, part, 2, nonces, VMS), KEY, 1, CLUSTER)


def goodbye(sequence: int = 1, boot: str = BOOT, nonces: Any = NONCES, key: bytes = KEY) -> bytes:
    return encode_goodbye(Goodbye(NODE, boot, 100, sequence, GoodbyeReason.REBOOT, 60, nonces), key, 1, CLUSTER)


def seat_beat(seat: int = 0, sequence: int = 1, incarnation: int = 5, nonce: int = 77, nonces: Any = NONCES) -> bytes:
    made = SeatBeat(seat, incarnation, sequence, nonce, 3, 3, 0, nonces=nonces)
    return encode_seat_beat(made, VOTE_KEY, 0, CLUSTER)


def vote(seat: int = 0, sequence: int = 1, incarnation: int = 5, nonces: Any = NONCES, key: bytes = VOTE_KEY) -> bytes:
    made = Vote(seat, incarnation, sequence, NODE, BOOT, Opinion.SILENT, Reach.NONE, 0, 0)
    return encode_vote(VoteFrame(made, nonces), key, 0, CLUSTER)


def told(seat: int = 0, sequence: int = 1, incarnation: int = 5, nonces: Any = NONCES) -> bytes:
    return encode_told(Told(seat, incarnation, sequence, "id.0", ("vim",), nonces), VOTE_KEY, 0, CLUSTER)


def echo_reply(nonce: int = 5) -> bytes:
    return encode_echo_reply(EchoReply(NODE, nonce), KEY, 1, CLUSTER)


def probe_result() -> bytes:
    found = (Found(0, Method.TCP, Outcome.ACCEPTED),)
    return encode_probe_result(ProbeResult(NODE, 9, "worker-2", found), KEY, 1, CLUSTER)


@pytest.mark.parametrize(
    ("datagram", "name"),
    [
        (inventory(), "inventory"),
        (goodbye(), "goodbye"),
        (echo_reply(), "echoed"),
        (probe_result(), "probe_result"),
        (seat_beat(), "seat_beat"),
        (vote(), "vote"),
        (told(), "delivered"),
    ],
)
def test_each_kind_reaches_its_listener(world: World, datagram: bytes, name: str) -> None:
    world.take(datagram)
    assert world.ear.counted() == {name: 1}
    assert world.dropped() == {}


def test_parts_of_an_inventory_come_again_and_again_but_never_an_older_one(world: World) -> None:
    world.take(inventory(2, 0), inventory(2, 1), inventory(2, 0), inventory(1, 0), inventory(2, incarnation=99))
    assert [found.part for found in world.ear.of("inventory")] == [0, 1, 0]
    assert world.dropped() == {"Replayed": 1, "Stale": 1}


def test_a_goodbye_is_taken_once_and_the_next_beat_answered_at_once(world: World) -> None:
    world.take(beat(sequence=1))
    world.take(goodbye(), goodbye(), beat(sequence=2))
    assert world.ear.counted()["goodbye"] == 1
    assert [due.sequence for due in world.ear.dues] == [1, 2]


@pytest.mark.parametrize("make", [inventory, goodbye, vote, told, seat_beat])
def test_a_record_from_before_our_start_is_worth_nothing(world: World, make: Callable[..., bytes]) -> None:
    world.take(make(nonces=UNPROVEN))
    assert world.ear.changes == []
    assert world.dropped() == {"Unproven": 1}


@pytest.mark.parametrize("make", [vote, told, seat_beat])
def test_frames_of_a_seats_earlier_life_are_stale(world: World, make: Callable[..., bytes]) -> None:
    world.take(seat_beat(incarnation=6))
    world.take(make(incarnation=5, sequence=1000))
    assert world.ear.counted() == {"seat_beat": 1}
    assert world.dropped() == {"Stale": 1}


@pytest.mark.parametrize("make", [vote, told, seat_beat])
def test_two_processes_that_believe_to_have_one_seat_are_both_heard(world: World, make: Callable[..., bytes]) -> None:
    """The verdicts void such a seat's vote; a copy of what the older one said before is no sign of it."""
    world.take(make(incarnation=5, sequence=8), make(incarnation=6, sequence=1), make(incarnation=5, sequence=9))
    world.take(make(incarnation=5, sequence=8), make(incarnation=5, sequence=9))
    assert sum(world.ear.counted().values()) == 3
    assert world.dropped() == {"Replayed": 2}


def test_lives_of_a_seat_are_not_kept_for_ever() -> None:
    fellow = Fellow()
    for incarnation in range(1, 1000):
        fellow.judge(incarnation, 9, 1, proven=True)
    assert len(fellow.lives) == LIVES_KEPT
    assert fellow.judge(1, 9, 2, proven=True) is Freshness.STALE


@pytest.mark.parametrize("make", [vote, told, seat_beat])
def test_a_copy_over_the_other_network_is_dropped(world: World, make: Callable[..., bytes]) -> None:
    world.take(make(), make())
    assert sum(world.ear.counted().values()) == 1
    assert world.dropped() == {"Replayed": 1}


OF_OUR_TWIN = (NONCES[0], NONCES[SEAT] + 1, NONCES[2])


def test_a_fellow_that_has_learnt_another_nonce_of_our_seat_tells_of_a_twin(world: World) -> None:
    world.take(seat_beat(sequence=1), seat_beat(sequence=2, nonces=OF_OUR_TWIN))
    assert [beat.sequence for beat in world.ear.of("seat_taken")] == [2]


@pytest.mark.parametrize(
    "datagrams",
    [
        (seat_beat(sequence=2, nonces=OF_OUR_TWIN),),
        (seat_beat(sequence=2), seat_beat(sequence=1, nonces=OF_OUR_TWIN)),
        (seat_beat(sequence=1), seat_beat(sequence=2, nonces=OF_OUR_TWIN, incarnation=4)),
        (seat_beat(sequence=1), seat_beat(sequence=2, nonces=(NONCES[0], 0, NONCES[2]))),
    ],
    ids=["never heard", "from before", "of an earlier life", "knows nobody in our seat"],
)
def test_a_record_of_the_time_before_us_tells_of_no_twin(world: World, datagrams: tuple[bytes, ...]) -> None:
    world.take(*datagrams)
    assert world.ear.of("seat_taken") == []


def test_word_of_a_twin_that_is_played_back_counts_once(world: World) -> None:
    world.take(seat_beat(sequence=1), *[seat_beat(sequence=2, nonces=OF_OUR_TWIN)] * 3)
    assert len(world.ear.of("seat_taken")) == 1


@pytest.mark.parametrize("make", [vote, told, seat_beat])
def test_nobody_else_has_our_seat(world: World, make: Callable[..., bytes]) -> None:
    world.take(make(seat=SEAT))
    assert world.ear.changes == []
    assert world.dropped() == {"OwnSeat": 1}


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (vote(key=KEY), "Tag"),
        (goodbye(key=VOTE_KEY), "Tag"),
        (goodbye(key=node_key(MASTERS[1], "worker-2", 1)), "Tag"),
        (goodbye(boot=OTHER_BOOT)[:-1], "Tag"),
        (encode_answer(Answer(0, 1, 1, 1, 0, True, 0, 0, False), KEY, 1, CLUSTER), "Kind"),
        (encode_echo_request(EchoRequest(NODE, 5), CLUSTER), "Kind"),
    ],
)
def test_a_frame_by_another_key_or_for_another_side_changes_nothing(world: World, datagram: bytes, reason: str) -> None:
    world.take(datagram)
    assert world.ear.changes == []
    assert world.dropped() == {reason: 1}


def test_seats_that_start_together_learn_each_others_nonce(world: World) -> None:
    world.take(seat_beat(0, nonce=70, nonces=(0, 0, 0)), seat_beat(2, nonce=72, nonces=(0, 0, 0)))
    assert world.sources.nonces() == (70, NONCES[SEAT], 72)
    assert world.ear.changes == []


def test_a_played_back_seat_beat_does_not_bring_an_old_nonce_back() -> None:
    fellow = Fellow()
    fellow.learn(2, incarnation=200)
    fellow.learn(1, incarnation=100)
    assert fellow.nonce == 2
    fellow.learn(3, incarnation=201)
    assert fellow.nonce == 3
