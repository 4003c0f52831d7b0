"""Follows /dev/kmsg: one record per read, each once, across restarts of the agent and however fast they come."""

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from nfvi_ha.core.hardware.kmsg_record import KmsgRecord, parse

log = logging.getLogger(__name__)

RECORD_BYTES: Final = 16_384
"""Longer than any record: the kernel would refuse to hand out one that does not fit."""
BATCH: Final = 100
PAUSE_SECONDS: Final = 0.05
"""After so many records at once: 2,000 a second are read at most, which is a few percent of a core. What does not fit
into the kernel's buffer meanwhile is lost, counted, and found in counters where it was hardware."""
AGAIN_SECONDS: Final = 10.0


class LogMetrics(Protocol):
    """What is counted of the log."""

    def log_readable(self, readable: bool) -> None:
        """Whether it can be read."""
        ...

    def log_lost(self, records: int) -> None:
        """So many records were overwritten before they were read."""
        ...


def open_kmsg(path: Path) -> int:
    """A descriptor that does not block.

    Raises:
        OSError: there is none, or it is not permitted (CAP_SYSLOG).
    """
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


class KernelLog:
    """One reader.

    Args:
        path: of the device.
        after: sequence of the last record that was read in this boot; None: no agent of this boot read any.
        look_back: whether, with None, what is in the log already is read, too.
        on_record: gets each record, and whether it was there before we were.
        metrics: counts.
        opener: opens the device.
    """

    def __init__(
        self,
        path: Path,
        after: int | None,
        on_record: Callable[[KmsgRecord, bool], None],
        metrics: LogMetrics,
        *,
        look_back: bool = True,
        opener: Callable[[Path], int] = open_kmsg,
    ) -> None:
        self._path = path
        self.last = after
        """Sequence of the last record that was read."""
        self._on_record = on_record
        self._metrics = metrics
        self._look_back = look_back
        self._past = after is None
        self._opener = opener
        self._failed: asyncio.Future[OSError] | None = None

    async def run(self) -> None:
        """Follow for ever. Without permission, or where it broke, it is tried again now and then."""
        loop = asyncio.get_running_loop()
        said = ""
        while True:
            self._failed = loop.create_future()
            try:
                descriptor = self._opener(self._path)
            except OSError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("kernel log cannot be read", extra={"path": str(self._path), "error": said})
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                self._position(descriptor)
                self._metrics.log_readable(True)
                self._listen(descriptor)
                broken = await self._failed
                log.warning("kernel log broke off", extra={"path": str(self._path), "error": str(broken)})
            finally:
                self._failed.cancel()
                self._metrics.log_readable(False)
                loop.remove_reader(descriptor)
                os.close(descriptor)
            await asyncio.sleep(AGAIN_SECONDS)

    def _position(self, descriptor: int) -> None:
        """Opened, it stands at the oldest record that is left."""
        if self.last is None and not self._look_back:
            self._past = False
            try:
                os.lseek(descriptor, 0, os.SEEK_END)
            except OSError as error:
                if error.errno != errno.ESPIPE:
                    raise

    def _listen(self, descriptor: int) -> None:
        failed = self._failed
        if failed is None or failed.done():
            return
        asyncio.get_running_loop().add_reader(descriptor, self._readable, descriptor)

    def _readable(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            for _ in range(BATCH):
                self._read_one(descriptor)
        except BlockingIOError:
            # All that was there when we came is read.
            self._past = False
            return
        except OSError as error:
            loop.remove_reader(descriptor)
            if self._failed is not None and not self._failed.done():
                self._failed.set_result(error)
            return
        loop.remove_reader(descriptor)
        loop.call_later(PAUSE_SECONDS, self._listen, descriptor)

    def _read_one(self, descriptor: int) -> None:
        try:
            raw = os.read(descriptor, RECORD_BYTES)
        except OSError as error:
            # EPIPE: overwritten before we read it; the next read goes on with the oldest that is left.
            if error.errno in {errno.EPIPE, errno.EINVAL}:
                if error.errno == errno.EINVAL:
                    self._metrics.log_lost(1)
                return
            raise
        if not raw:
            raise OSError(errno.EIO, "end of file")
        record = parse(raw)
        if record is None or (self.last is not None and record.sequence <= self.last):
            return
        if self.last is not None and record.sequence > self.last + 1:
            missed = record.sequence - self.last - 1
            self._metrics.log_lost(missed)
            log.warning("records of the kernel log were lost", extra={"records": missed})
        self.last = record.sequence
        self._on_record(record, self._past)
