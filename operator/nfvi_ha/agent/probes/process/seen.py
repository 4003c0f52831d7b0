"""Which entries of the watch list were ever there in this boot, and answered: kept for the next start of the agent."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from nfvi_ha.agent import cache

log = logging.getLogger(__name__)

WRITE_SECONDS = 1.0


class Seen:
    """One file of one boot."""

    def __init__(self, file: Path, boot_id: str) -> None:
        self._file = file
        self._boot_id = boot_id
        self._changed = asyncio.Event()
        self.seen: set[str] = set()
        self.answered: set[str] = set()

    def load(self) -> None:
        """What an earlier process of this boot left; nothing if it left nothing that can be read."""
        try:
            value = cache.read(self._file)
            if value is not None and value["bootId"] == self._boot_id:
                self.seen, self.answered = set(value["seen"]), set(value["answered"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("seen processes not used", extra={"path": str(self._file), "error": str(error)})

    def keep(self, seen: Iterable[str], answered: Iterable[str]) -> None:
        """These are so; nothing is forgotten."""
        more, said = self.seen.union(seen), self.answered.union(answered)
        if (more, said) != (self.seen, self.answered):
            self.seen, self.answered = more, said
            self._changed.set()

    async def run(self) -> None:
        """Write for ever, in a thread."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            value = {"bootId": self._boot_id, "seen": sorted(self.seen), "answered": sorted(self.answered)}
            try:
                await asyncio.to_thread(cache.write, self._file, value)
            except OSError as error:
                log.warning("seen processes cannot be kept", extra={"path": str(self._file), "error": str(error)})
            await asyncio.sleep(WRITE_SECONDS)
