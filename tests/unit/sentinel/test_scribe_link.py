"""The scribe as a child that may die, hang and come back, while nothing of ours waits for it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from nfvi_ha.sentinel.scribe_link import ScribeLink

CHILD = """
import os, socket, sys
stream = socket.socket(fileno=int(os.environ["NFVI_HA_SCRIBE_FD"])).makefile("rwb", buffering=0)
stream.write(b'{"synced":true}\\n')
for line in stream:
    if b"die" in line:
        sys.exit(3)
    stream.write(line)
"""


class Heard:
    def __init__(self) -> None:
        self.starts = self.restarts = 0
        self.lines: list[dict[str, object]] = []

    def started(self) -> None:
        self.starts += 1

    def line(self, data: bytes) -> None:
        self.lines.append(orjson.loads(data))

    def restarted(self) -> None:
        self.restarts += 1


@asynccontextmanager
async def running(command: list[str]) -> AsyncIterator[tuple[ScribeLink, Heard]]:
    heard = Heard()
    link = ScribeLink(command, on_start=heard.started, on_line=heard.line, on_restart=heard.restarted)
    task = asyncio.create_task(link.run())
    try:
        yield link, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: object) -> None:
    async with asyncio.timeout(20):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.01)


async def test_lines_go_both_ways_and_a_scribe_that_dies_is_started_again(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    async with running([sys.executable, str(script)]) as (link, heard):
        await until(lambda: heard.lines)
        assert link.send({"record": 1})
        await until(lambda: {"record": 1} in heard.lines)
        link.send({"die": 1})
        await until(lambda: heard.starts == 2)
        await until(lambda: heard.lines.count({"synced": True}) == 2)
        assert heard.restarts == 1
        assert link.connected
    assert not link.connected


async def test_without_a_scribe_nothing_is_sent_and_nothing_is_lost_silently() -> None:
    async with running(["/nonexistent/scribe"]) as (link, heard):
        await until(lambda: heard.restarts)
        assert not link.send({"record": 1})
        assert not link.connected


async def test_a_scribe_that_reads_nothing_does_not_fill_our_memory(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD.replace("for line in stream:", "import time; time.sleep(60)\nfor line in stream:"))
    async with running([sys.executable, str(script)]) as (link, heard):
        await until(lambda: heard.lines)
        accepted = 0
        while link.send({"record": "x" * 1_000_000}) and accepted < 100:
            accepted += 1
        assert accepted < 30


async def test_a_defect_at_a_line_or_a_start_does_not_end_the_link(tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    heard, defects = Heard(), []

    def fails(*_: object) -> None:
        raise KeyError("cleared")

    def line(data: bytes) -> None:
        heard.line(data)
        fails()

    link = ScribeLink([sys.executable, str(script)], on_start=fails, on_line=line, on_defect=lambda: defects.append(1))
    task = asyncio.create_task(link.run())
    try:
        await until(lambda: heard.lines)
        assert link.send({"record": 1})
        await until(lambda: {"record": 1} in heard.lines)
        assert len(defects) == 3
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
