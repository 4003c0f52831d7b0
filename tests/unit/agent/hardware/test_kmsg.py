import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nfvi_ha.agent.probes.hardware import kmsg
from nfvi_ha.agent.probes.hardware.kmsg import KernelLog
from nfvi_ha.core.hardware.kmsg_record import KmsgRecord
from tests.unit.agent.waiting import eventually


class Counts:
    def __init__(self) -> None:
        self.readable: bool | None = None
        self.lost = 0

    def log_readable(self, readable: bool) -> None:
        self.readable = readable

    def log_lost(self, records: int) -> None:
        self.lost += records


class Device:
    """A stand-in for /dev/kmsg: a pipe in packet mode gives one record per read, too."""

    def __init__(self) -> None:
        self.out, self.in_ = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        self.opened = 0

    def open(self, path: Path) -> int:
        del path
        self.opened += 1
        return os.dup(self.out)

    def write(self, *sequences: int, text: str = "text") -> None:
        for sequence in sequences:
            os.write(self.in_, f"3,{sequence},{sequence * 1000},-;{text}\n KEY=value\n".encode())

    def close(self) -> None:
        os.close(self.out)
        os.close(self.in_)


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device()
    yield made
    made.close()


class Reader:
    def __init__(self, device: Device, after: int | None = None, *, look_back: bool = True) -> None:
        self.records: list[tuple[KmsgRecord, bool]] = []
        self.counts = Counts()
        self.log = KernelLog(
            Path("kmsg"),
            after,
            lambda record, past: self.records.append((record, past)),
            self.counts,
            look_back=look_back,
            opener=device.open,
        )

    async def __aenter__(self) -> "Reader":
        self.task = asyncio.ensure_future(self.log.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def sequences(self) -> list[int]:
        return [record.sequence for record, _ in self.records]

    async def has(self, *sequences: int) -> None:
        await eventually(lambda: self.sequences == list(sequences))


async def test_records_are_read_as_they_come(device: Device) -> None:
    async with Reader(device) as reader:
        device.write(1)
        await reader.has(1)
        device.write(2, 3)
        await reader.has(1, 2, 3)

    assert reader.counts.readable is False


async def test_what_was_there_before_any_agent_is_of_the_past(device: Device) -> None:
    device.write(1, 2)
    async with Reader(device) as reader:
        await reader.has(1, 2)
        await eventually(lambda: not reader.log._past)
        device.write(3)
        await reader.has(1, 2, 3)

    assert [past for _, past in reader.records] == [True, True, False]


async def test_after_a_restart_it_goes_on_behind_the_last_record(device: Device) -> None:
    device.write(1, 2, 3, 4)
    async with Reader(device, after=2) as reader:
        await reader.has(3, 4)

    assert [past for _, past in reader.records] == [False, False]
    assert reader.log.last == 4


async def test_records_that_were_overwritten_are_counted(device: Device) -> None:
    async with Reader(device, after=5) as reader:
        device.write(9)
        await reader.has(9)

    assert reader.counts.lost == 3


async def test_an_overrun_is_survived(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = iter([errno.EPIPE, errno.EINVAL])
    read: Callable[[int, int], bytes] = os.read

    def overrun(descriptor: int, size: int) -> bytes:
        raw = read(descriptor, size)
        if (number := next(broken, None)) is not None:
            raise OSError(number, os.strerror(number))
        return raw

    monkeypatch.setattr(kmsg.os, "read", overrun)
    async with Reader(device, after=0) as reader:
        device.write(1, 2, 3)
        await reader.has(3)

    assert reader.counts.lost == 3
    assert device.opened == 1


async def test_a_storm_is_read_in_batches_that_let_others_in(device: Device) -> None:
    async with Reader(device) as reader:
        await eventually(lambda: reader.counts.readable is True)
        written = 0
        turns = 0
        while written < 1000:
            try:
                device.write(written + 1)
                written += 1
            except BlockingIOError:
                turns += 1
                await asyncio.sleep(0.01)
        await eventually(lambda: len(reader.records) == 1000)

    assert reader.sequences == list(range(1, 1001))


async def test_a_log_that_cannot_be_opened_is_tried_again(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmsg, "AGAIN_SECONDS", 0.01)
    opens = iter([PermissionError(errno.EPERM, "not permitted")])
    reader = Reader(device)

    def opener(path: Path) -> int:
        for error in opens:
            raise error
        return device.open(path)

    reader.log._opener = opener
    async with reader:
        device.write(1)
        await reader.has(1)


async def test_a_log_that_breaks_off_is_opened_again(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmsg, "AGAIN_SECONDS", 0.01)
    async with Reader(device) as reader:
        device.write(1)
        await reader.has(1)
        os.close(device.in_)
        await eventually(lambda: device.opened >= 2)
        device.in_ = os.open("/dev/null", os.O_WRONLY)


async def test_the_real_log_is_read_from_its_end() -> None:
    """Few lines, for the kernel drops more than 10 in 5 s (printk_devkmsg); whole ones: it holds back others."""
    path = Path("/dev/kmsg")
    try:
        writer = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        os.close(kmsg.open_kmsg(path))
    except OSError as error:
        pytest.skip(f"/dev/kmsg cannot be read and written here: {error}")
    word = f"nfvi-ha test {secrets.token_hex(8)}"
    found: list[KmsgRecord] = []
    counts = Counts()
    log = KernelLog(path, None, lambda record, past: found.append(record), counts, look_back=False)
    task = asyncio.ensure_future(log.run())
    try:
        await eventually(lambda: counts.readable is True)
        os.write(writer, f"<10>{word}\n".encode())
        await eventually(lambda: any(word in record.text for record in found))
    finally:
        os.close(writer)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert next(record for record in found if word in record.text).facility == 1
