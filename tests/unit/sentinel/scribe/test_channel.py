"""The socket to the hot process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nfvi_ha.sentinel.scribe.channel import Channel
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind, JsonObject, Put, decode


class Talk:
    def __init__(self) -> None:
        self.orders: list[JsonObject] = []
        self.feed = Feed(lambda: self.channel.wake())
        self.channel = Channel(self.feed, self.take)

    def take(self, order: JsonObject) -> None:
        if "defect" in order:
            raise RuntimeError("a defect")
        self.orders.append(order)


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Talk, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Task[None]]]:
    talk = Talk()
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    task = asyncio.create_task(talk.channel.run(theirs))
    reader, writer = await asyncio.open_connection(sock=ours)
    async with asyncio.timeout(20):
        yield talk, reader, writer, task
    writer.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_lines_go_both_ways() -> None:
    async with talking() as (talk, reader, writer, _):
        talk.feed.set_synced()
        assert await reader.readline() == b'{"synced":true}\n'
        talk.feed.put(FeedKind.NODE, "a", {"x": 1})
        assert decode(await reader.readline()) == Put(FeedKind.NODE, "a", {"x": 1})
        writer.write(b'{"seats":[0,1]}\n')
        while not talk.orders:  # noqa: ASYNC110 - the other end is in this loop
            await asyncio.sleep(0)
        assert talk.orders == [{"seats": [0, 1]}]


async def test_bad_lines_and_defects_lose_that_line_only() -> None:
    async with talking() as (talk, _, writer, __):
        writer.write(b"nonsense\n[1]\n" + b"x" * 5_000_000 + b'\n{"defect":1}\n{"seats":[0]}\n')
        while not talk.orders:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert talk.orders == [{"seats": [0]}]


async def test_it_ends_when_the_other_end_is_closed() -> None:
    async with talking() as (talk, _, writer, task):
        talk.feed.set_synced()
        writer.close()
        await task


async def test_a_receiver_that_reads_nothing_gets_the_newest_state_once_it_reads() -> None:
    async with talking() as (talk, reader, _, __):
        talk.feed.set_synced()
        await reader.readline()
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        big = "x" * 1000
        rounds = 3000  # several times what socket and writer hold
        for number in range(rounds):
            talk.feed.put(FeedKind.NODE, "a", {"n": number, "big": big})
            await asyncio.sleep(0)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        seen = 0
        while True:
            line = decode(await reader.readline())
            assert isinstance(line, Put)
            seen += 1
            if line.value["n"] == rounds - 1:
                break
        assert seen < rounds
