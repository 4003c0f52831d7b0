"""Draining: whatever had arrived is read before anybody judges, and no flood keeps the judge waiting for ever."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from nfvi_ha.sentinel import receiver as module
from nfvi_ha.sentinel.port import Listen, Port
from nfvi_ha.sentinel.receiver import BATCH, Receiver
from tests.unit.sentinel.receiver_world import NODES, Ear, World, beat, make_sources

GENEROUS_SECONDS = 20.0


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_all_that_came_in_during_a_stall_is_read_before_the_judge_has_its_turn(world: World) -> None:
    for sequence in range(1, 301):
        for port in (0, 1):
            world.send(*(beat(node=node, network=port, sequence=sequence) for node in NODES), port=port)
    world.clock.now += 1.0
    assert world.receiver.drain(GENEROUS_SECONDS) == world.clock.now
    assert world.ear.counted()["heard"] == 1800
    assert world.dropped() == {}


def test_a_drain_that_had_too_little_time_says_for_which_moment_it_is_complete(world: World) -> None:
    complete = world.receiver.drain()
    world.send(*(beat(sequence=number) for number in range(1, 10 * BATCH + 1)))
    world.clock.now += 0.5
    asked = world.clock.now
    assert world.receiver.drain(0.0) == complete
    world.clock.now += 0.1
    while (found := world.receiver.drain(0.0)) == complete:
        pass
    assert found >= asked
    assert world.ear.counted()["heard"] == 10 * BATCH


def test_a_drain_waits_only_for_what_was_there_when_it_was_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each datagram read lets two more come in: reading until nothing is left would never end."""
    sequence = iter(range(1, 10**9))
    world.send(*(beat(sequence=next(sequence)) for _ in range(5)))

    def flood(*_: object) -> None:
        world.send(beat(sequence=next(sequence)), beat(sequence=next(sequence)))

    monkeypatch.setattr(world.ear, "heard", flood)
    world.clock.now += 1.0
    assert world.receiver.drain(GENEROUS_SECONDS) == world.clock.now


def test_one_socket_that_is_full_does_not_keep_the_other_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(*(beat(sequence=number) for number in range(1, 20 * BATCH)), port=0)
    world.send(beat(node="worker-2", network=1), port=1)
    order: list[str] = []
    monkeypatch.setattr(world.ear, "heard", lambda node, *_: order.append(node))
    world.receiver.drain(GENEROUS_SECONDS)
    assert order.index("worker-2") <= BATCH


async def test_the_loop_reads_by_itself_and_other_tasks_have_their_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.0)
    world = World()
    world.send(*(beat(sequence=number) for number in range(1, 8 * BATCH + 1)))
    world.receiver.start()
    turns = 0
    async with asyncio.timeout(GENEROUS_SECONDS):
        while world.ear.counted()["heard"] < 8 * BATCH:
            turns += 1
            await asyncio.sleep(0)
    assert turns >= 8
    world.close()


async def test_beats_that_come_thick_and_fast_are_heard_without_being_woken_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And when it is calm again, the next one wakes the reader as before."""
    ear, heard = Ear(), asyncio.Semaphore(0)
    monkeypatch.setattr(ear, "heard", lambda *_: heard.release())
    receiver = Receiver([Listen("127.0.0.1", 0, 0)], make_sources(), ear)
    receiver.start()
    port, sender = receiver.ports[0], World(networks=())
    async with asyncio.timeout(GENEROUS_SECONDS):
        sequence = 0
        while port.pause is None:
            sequence += 1
            sender.sender("agent").sendto(beat(sequence=sequence), port.address)
            await heard.acquire()
        sender.sender("agent").sendto(beat(sequence=sequence + 1), port.address)
        await heard.acquire()
        while port.pause is not None:  # noqa: ASYNC110 - nobody is told when it ends
            await asyncio.sleep(module.PAUSE_SECONDS)
        sender.sender("agent").sendto(beat(sequence=sequence + 2), port.address)
        await heard.acquire()
    receiver.close()
    sender.close()


async def test_real_beats_go_on_through_a_flood_of_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage from another socket, some of it with a true header and a false tag: no beat is lost, none waits long."""
    ear, heard = Ear(), asyncio.Event()
    monkeypatch.setattr(ear, "heard", lambda *_: heard.set())
    receiver = Receiver([Listen("127.0.0.1", 0, 0)], make_sources(), ear)
    receiver.start()
    beats, garbage = 200, (b"x" * 100, beat()[:-1] + b"!", beat(node="stranger"), b"NH\1\1")
    sender, place = World(networks=()), receiver.ports[0].address
    lags = []
    async with asyncio.timeout(GENEROUS_SECONDS):
        for sequence in range(1, beats + 1):
            for datagram in garbage * 50:
                sender.sender("attacker").sendto(datagram, place)
            sent = time.monotonic()
            sender.sender("agent").sendto(beat(sequence=sequence), place)
            await heard.wait()
            heard.clear()
            lags.append(time.monotonic() - sent)
    assert receiver.drops.dropped[module.Drop.TAG] == 50 * beats
    assert receiver.drops.total == len(garbage) * 50 * beats + beats
    assert receiver.ports[0].lost() == 0
    assert max(lags) < 2.0
    receiver.close()
    sender.close()


def test_what_finds_the_buffer_full_is_counted() -> None:
    port = Port(Listen("127.0.0.1", 0))
    sender = World(networks=())
    while not port.lost():
        sender.sender("attacker").sendto(bytes(1000), port.address)
    assert port.waiting() > 0
    port.close()
    sender.close()


def test_waiting_is_never_less_than_what_is_there(world: World) -> None:
    for size in (0, 1, 100, 1400):
        for _ in range(10):
            world.send(bytes(size))
    assert world.receiver.ports[0].waiting() >= 40


def test_no_socket_stays_open_when_an_address_cannot_be_had() -> None:
    taken = World(networks=(0,))
    port = taken.receiver.ports[0].address[1]
    with pytest.raises(OSError, match="in use"):
        Receiver([Listen("127.0.0.1", 0), Listen("127.0.0.1", port)], make_sources(), Ear())
    taken.close()


def test_ipv6_is_listened_on_where_there_is_any() -> None:
    try:
        port = Port(Listen("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    assert port.address[0] == "::1"
    port.close()
