import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from nfvi_ha.reporting.cloudevent import encode
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.receiver.command import line, receiver_command
from nfvi_ha.reporting.receiver.misbehaviour import Conduct, Misbehaviour
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.reporting.signing import sign

from .messages import chain, raised

KEY = b"k" * 32


class Sender:
    """Posts notifications as the operator would, and anything else."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url
        self.root = url.rsplit("/", 1)[0]

    async def send(self, notification: Notification, **headers: str) -> int:
        body, content_type = encode(notification)
        signed = sign(body, KEY, "k1", now=time.time())
        async with self.session.post(
            self.url, data=body, headers={"Content-Type": content_type, **signed, **headers}
        ) as response:
            return response.status

    async def control(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, self.root + path, json=body) as response:
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text


@asynccontextmanager
async def receiving(**settings: Any) -> AsyncIterator[tuple[Receiver, Sender]]:
    receiver = Receiver(ReceiverSettings(**settings))
    url = await receiver.start()
    async with aiohttp.ClientSession() as session:
        yield receiver, Sender(session, url)
    await receiver.stop()


async def test_a_record_says_when_and_what_was_received() -> None:
    async with receiving(keys={"k1": KEY}) as (receiver, sender):
        before = time.monotonic_ns()
        sent = raised(at=datetime.now(UTC))
        assert await sender.send(sent) == 204
        (record,) = receiver.records
        assert (record.id, record.type, record.verified, record.refusal) == (sent.id, "io.nfvi-ha.vm.failed", True, "")
        assert before < record.received_monotonic_ns < time.monotonic_ns()
        assert record.detected_ms is not None
        assert 0 < record.detected_ms < 10_000


async def test_doubles_are_told_from_retries_of_what_was_refused() -> None:
    async with receiving() as (receiver, sender):
        receiver.misbehave(status=500, count=1)
        assert [await sender.send(raised()) for _ in range(3)] == [500, 204, 204]
        assert [(one.arrival, one.duplicate) for one in receiver.records] == [(1, False), (2, False), (3, True)]


async def test_a_late_first_arrival_is_out_of_order_and_a_late_double_is_not() -> None:
    async with receiving() as (receiver, sender):
        one, two, three = chain("a", 3)
        for notification in (one, three, two, one, raised("b")):
            await sender.send(notification)
        assert [record.out_of_order for record in receiver.records] == [False, False, True, False, False]


async def test_what_is_not_signed_with_an_accepted_key_is_refused_and_counts_for_nothing() -> None:
    async with receiving(keys={"k2": KEY}) as (receiver, sender):
        assert await sender.send(raised()) == 401
        assert await sender.send(raised(), **{"X-NFVI-HA-Key-Id": "k2", "X-NFVI-HA-Signature": "v1=00"}) == 401
        assert await sender.send(raised(), **{"X-NFVI-HA-Key-Id": "k2"}) == 204
        assert [(one.refusal, one.arrival) for one in receiver.records] == [("KeyUnknown", 0), ("Mismatch", 0), ("", 1)]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"specversion":"1.0"}', b"\xff"])
async def test_a_body_that_is_no_event_is_refused_and_kept_as_such(body: bytes) -> None:
    async with receiving() as (receiver, sender):
        async with sender.session.post(sender.url, data=body) as response:
            assert response.status == 400
        assert (receiver.records[0].refusal, receiver.records[0].id) == ("BodyInvalid", "")
        assert "REFUSED BodyInvalid" in line(receiver.records[0], None)


async def test_a_fault_made_by_somebody_gives_the_latency_from_there() -> None:
    async with receiving() as (receiver, sender):
        stamp = time.monotonic_ns()
        assert (
            await sender.control("POST", "/_control/injected", {"subject": "tenant-a/web-0-1", "monotonicNs": stamp})
        )[0] == 204
        await sender.send(raised("web-0-1"))
        await sender.send(raised("other"))
        first, second = receiver.records
        assert receiver.injected_ms(first) == (first.received_monotonic_ns - stamp) / 1e6
        assert receiver.injected_ms(second) is None
        receiver.injected("tenant-a/web-0-1", time.monotonic_ns())
        assert receiver.injected_ms(first) is None  # it came before


async def test_another_process_can_poll_wait_and_forget() -> None:
    async with receiving() as (receiver, sender):
        await sender.send(raised("a"))
        waiting = asyncio.create_task(sender.control("GET", "/_records?after=1&wait=30"))
        await sender.send(raised("b"))
        _, records = await waiting
        assert [(one["index"], one["subject"]) for one in records] == [(2, "VirtualMachineInstance/tenant-a/b")]
        assert len((await sender.control("GET", "/_records"))[1]) == 2
        assert (await sender.control("GET", "/_records?after=2&wait=0.01"))[1] == []
        assert (await sender.control("GET", "/_records?after=x"))[0] == 400
        assert (await sender.control("GET", "/_records?after=-1"))[0] == 400
        await sender.control("DELETE", "/_records")
        assert receiver.records == []


async def test_conduct_can_be_changed_from_outside_and_nonsense_is_refused() -> None:
    async with receiving() as (_, sender):
        wanted = {"status": 429, "headers": {"Retry-After": "3"}, "every": 2}
        assert (await sender.control("PUT", "/_control/misbehaviour", wanted))[0] == 204
        assert (await sender.control("GET", "/_control/misbehaviour"))[1]["status"] == 429
        assert [await sender.send(raised(str(index))) for index in range(4)] == [204, 429, 204, 429]
        assert (await sender.control("PUT", "/_control/misbehaviour", {"manner": "explode"}))[0] == 400
        assert (await sender.control("PUT", "/_control/misbehaviour", {}))[0] == 204
        assert await sender.send(raised("x")) == 204


async def test_dropping_and_closing_leave_the_record_unanswered() -> None:
    async with receiving() as (receiver, sender):
        receiver.misbehave(manner="close", count=1)
        with pytest.raises(aiohttp.ClientError):
            await sender.send(raised("a"))
        receiver.misbehave(manner="drop", count=1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sender.send(raised("b")), 0.1)
        assert [(one.status, one.accepted) for one in receiver.records] == [(None, False)] * 2
        assert "answered nothing" in line(receiver.records[0], None)


async def test_stopping_does_not_wait_for_requests_that_are_held() -> None:
    receiver = Receiver(ReceiverSettings())
    url = await receiver.start()
    receiver.misbehave(delay_seconds=3600)
    async with aiohttp.ClientSession() as session:
        pending = asyncio.create_task(Sender(session, url).send(raised()))
        await receiver.wait_for(lambda records: len(records) == 1)
        async with asyncio.timeout(5):
            await receiver.stop()
        await asyncio.gather(pending, return_exceptions=True)


async def test_every_record_is_appended_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    async with receiving(file=path) as (_, sender):
        for one in chain("a", 3):
            await sender.send(one)
    assert [json.loads(text)["id"] for text in path.read_text().splitlines()] == [one.id for one in chain("a", 3)]


def test_misbehaviour_ends_after_its_count() -> None:
    conduct = Conduct(Misbehaviour(status=500, every=3, count=2))
    assert [conduct.next().status for _ in range(12)] == [204, 204, 500, 204, 204, 500] + [204] * 6


def test_a_line_shows_the_latencies_and_nothing_that_moves_the_cursor() -> None:
    event = json.loads(encode(raised(cause="Bad\x1b[2J\ncause"))[0])
    record = Record(1, 0, 0.0, {}, event, True, "", 2, True, True, 12.34, 204)
    text = line(record, 43.21)
    assert "detected +12.3 ms" in text
    assert "injected +43.2 ms" in text
    assert "DOUBLE x2" in text
    assert "OUT OF ORDER" in text
    assert text.isprintable()


APP = typer.Typer()
APP.command()(receiver_command)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--listen", "nonsense"], "write it like"),
        (["--key", "x"], "write it like"),
        (["--key", "a=/nonexistent"], "No such file"),
        (["--tls-key", "/nonexistent"], "--tls-cert"),
        (["--tls-cert", "/nonexistent"], "cannot be used"),
        (["--listen", "192.0.2.1:1"], "cannot listen"),
    ],
)
def test_a_wrong_option_is_explained(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(APP, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 2
    assert message in result.output


async def test_the_command_prints_json_lines_only_and_ends_on_a_signal(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(KEY)
    program = (
        "import typer; from nfvi_ha.reporting.receiver.command import receiver_command; typer.run(receiver_command)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "--key", f"k1={key}", "-o", "json",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            started = json.loads(await process.stdout.readline())
            async with aiohttp.ClientSession() as session:
                assert await Sender(session, started["listening"]).send(raised()) == 204
            shown = json.loads(await process.stdout.readline())
            assert (shown["id"], shown["verified"], shown["status"]) == (raised().id, True, 204)
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
