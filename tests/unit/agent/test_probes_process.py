"""Parts of the probes process: the link, the supervision of probes, readiness."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nfvi_ha.agent.beat_link import BeatLink
from nfvi_ha.agent.beat_metrics import BeatCollector
from nfvi_ha.agent.faults import FaultTable, Telling
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.ipc import MAX_PACKET, Channel, TooLong, pair
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.readiness import missing
from nfvi_ha.agent.supervision import keep_running
from nfvi_ha.core.wire.inventory import VmEntry
from tests.unit.agent.waiting import eventually


class Beat:
    """The beat process's end of the link."""

    def __init__(self) -> None:
        self.end, theirs = pair()
        self.link = BeatLink(theirs, "worker-1")
        self.channel = Channel(self.end)

    def heard(self) -> list[dict[str, Any]]:
        found = []
        while (message := self.channel.receive()) is not None:
            found.append(message)
        return found


@pytest.fixture
async def beat() -> AsyncIterator[Beat]:
    made = Beat()
    made.link.start()
    yield made
    if not made.link.closed.is_set():
        made.link.close()
    made.end.close()


async def test_faults_are_told_in_the_same_call(beat: Beat) -> None:
    beat.link.faults(Telling(b"abc", 7, new=True, spooled=False))
    assert beat.heard() == [{"faults": "YWJj", "generation": 7, "new": True, "spooled": False}]


async def test_what_found_no_room_is_told_with_the_next_status_and_only_its_newest(beat: Beat) -> None:
    number = 0
    while not beat.link._unsent:
        number += 1
        beat.link.faults(Telling(b"x" * 1000, number, new=True, spooled=False))
    beat.link.faults(Telling(b"last", number + 1, new=True, spooled=False))
    assert [message["generation"] for message in beat.heard()] == list(range(1, number))
    beat.channel.send({"status": {}})
    await eventually(lambda: not beat.link._unsent)
    alive, faults = beat.heard()
    assert alive == {"alive": True}
    assert faults["generation"] == number + 1


async def test_end_of_the_beat_process_is_seen(beat: Beat) -> None:
    beat.end.close()
    async with asyncio.timeout(10):
        await beat.link.closed.wait()


async def test_words_of_the_beat_process_are_handed_on(beat: Beat) -> None:
    said: list[Any] = []
    beat.link.on_answered = lambda *words: said.append(words)
    beat.link.on_episode = said.append
    beat.end.send(b"nonsense")
    beat.end.send(b'["a list"]')
    beat.channel.send({"answered": {"seat": 1, "generation": 5, "upto": 9, "bitmap": 3}})
    beat.channel.send({"episode": 4})
    await eventually(lambda: len(said) == 2)
    assert said == [(1, 5, 9, 3), 4]


def test_an_inventory_of_no_vms_is_told_by_who_has_told_nothing_yet() -> None:
    """A sentinel may know of VMs of the agent before."""
    told: list[tuple[VmEntry, ...]] = []
    book = InventoryBook(told.append, lambda call: call())
    book.replace(())
    book.replace(())
    assert told == [()]


async def test_inventory_is_told_once_for_all_changes_of_a_turn(beat: Beat) -> None:
    book = InventoryBook(beat.link.inventory, asyncio.get_running_loop().call_soon)
    for number in range(3):
        book.put(VmEntry(f"u{number}", "n", "v"))
    book.drop("u1")
    await asyncio.sleep(0)
    assert len(beat.heard()) == 1
    book.put(VmEntry("u0", "n", "v"))
    book.drop("unknown")
    await asyncio.sleep(0)
    assert beat.heard() == []
    assert [entry.uid for entry in book.entries()] == ["u0", "u2"]
    book.replace([VmEntry("u9", "n", "v")])
    await asyncio.sleep(0)
    assert len(beat.heard()) == 1


async def test_a_thousand_vms_fit_one_packet(beat: Beat) -> None:
    uid = "c1f5b5de-9d6e-4c29-a0c3-1f1f3a2b4c5d"
    beat.link.inventory(
        tuple(VmEntry(f"{number:04}{uid[4:]}", "tenant-a", f"web-{number}-0", "web", 1) for number in range(1000))
    )
    (message,) = beat.heard()
    assert len(json.dumps(message)) < MAX_PACKET


async def test_message_that_cannot_fit_is_refused_loudly(beat: Beat) -> None:
    with pytest.raises(TooLong):
        beat.link._channel.send({"x": "y" * MAX_PACKET})


async def test_probe_that_fails_is_counted_and_started_again_and_the_others_run_on() -> None:
    failures: list[str] = []
    runs = {"bad": 0, "good": 0}

    class Bad:
        name = "bad"

        async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
            runs["bad"] += 1
            raise RuntimeError("what a broken host shows")

    class Good:
        name = "good"

        async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
            runs["good"] += 1
            await asyncio.Event().wait()

    soon = asyncio.get_running_loop().call_soon
    later = asyncio.get_running_loop().call_later
    table = FaultTable(Memory("boot"), room=1000, tell=lambda _: None, save=lambda: None, soon=soon, later=later)
    book = InventoryBook(lambda _: None, soon)
    tasks = [asyncio.create_task(keep_running(probe, table, book, failures.append)) for probe in (Bad(), Good())]
    await eventually(lambda: runs["bad"] >= 3)
    for task in tasks:
        task.cancel()
    assert failures[:2] == ["bad", "bad"]
    assert runs["good"] == 1


def status(**changes: Any) -> dict[str, Any]:
    return {"keys": 1, "seats": {"0": {"answerAge": 0.5}, "1": {"answerAge": None}}} | changes


@pytest.mark.parametrize(
    ("said", "lack"),
    [
        (status(), ""),
        (status(keys=0), "no key"),
        (status(seats={}), "no sentinel is known"),
        (status(seats={"0": {"answerAge": 60.0}}), "no sentinel answers"),
    ],
)
def test_readiness_says_what_is_missing(said: dict[str, Any], lack: str) -> None:
    collector = BeatCollector(lambda: 10.0)
    collector.take(said)
    assert lack in "\n".join(missing(collector))
    assert bool(missing(collector)) == bool(lack)


def test_silent_beat_process_is_not_ready() -> None:
    now = [10.0]
    collector = BeatCollector(lambda: now[0])
    assert missing(collector)
    collector.take(status())
    now[0] = 20.0
    assert missing(collector) == ["the beat process says nothing"]


def test_socket_pair_keeps_packets_apart() -> None:
    one, two = pair()
    assert one.type == socket.SOCK_SEQPACKET
    one.close()
    two.close()
