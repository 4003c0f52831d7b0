"""The spool file: the fault table's memory on disk. Written after the beat process was told, never instead."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from nfvi_ha.agent import cache
from nfvi_ha.agent.memory import Memory, from_json

log = logging.getLogger(__name__)


class Spool:
    """One file, replaced as a whole in a thread; while one write is under way, later ones become one."""

    def __init__(self, path: Path, boot_id: str) -> None:
        self._path = path
        self._boot_id = boot_id
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.memory = Memory(boot_id)
        self.writes = 0
        self.errors = 0
        self.size_bytes = 0

    def load(self) -> Memory:
        """What an earlier process of this boot left, with serials set aside on disk before anybody uses one.

        A damaged file is put aside as ``*.damaged``: nothing else could be done with it, and it may tell why.
        """
        try:
            value = cache.read(self._path)
            memory = None if value is None else from_json(value, self._boot_id)
        except (OSError, ValueError, TypeError, KeyError) as error:
            memory = None
            log.warning("spool is damaged and put aside", extra={"path": str(self._path), "error": str(error)})
            self._put_aside()
        self.memory = memory or Memory(self._boot_id)
        self.memory.reserve()
        self._write(self.memory.to_json())
        return self.memory

    def save(self) -> None:
        """Write the memory as it is now or later, soon. Costs nothing here: this is on the way of every fault."""
        self._idle.clear()
        self._wanted.set()

    async def run(self) -> None:
        """Write for ever. A disk that fails is counted, and tried again with the next change."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.to_thread(self._write, self.memory.to_json())
            if not self._wanted.is_set():
                self._idle.set()

    async def flushed(self) -> None:
        """Wait until all that was saved is on disk (or was refused by it)."""
        await self._idle.wait()

    def _write(self, value: dict[str, Any]) -> None:
        try:
            cache.write(self._path, value)
            self.size_bytes = self._path.stat().st_size
        except OSError as error:
            self.errors += 1
            log.warning("spool cannot be written", extra={"path": str(self._path), "error": str(error)})
        else:
            self.writes += 1

    def _put_aside(self) -> None:
        try:
            self._path.replace(self._path.with_suffix(".damaged"))
        except OSError as error:
            log.warning("spool cannot be put aside", extra={"path": str(self._path), "error": str(error)})
