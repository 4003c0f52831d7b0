"""The cache file: what a sentinel starts from while the API server is down.

It holds keys and credentials, so nobody but us may read it, at no moment.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from nfvi_ha import private_file
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import CACHE_FILE

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
"""It is not written more often."""


class CacheFile:
    """Writes the feed to ``<state_dir>/feed.json`` when it changed, as a whole or not at all."""

    def __init__(self, state_dir: Path, feed: Feed, *, period_seconds: float = PERIOD_SECONDS) -> None:
        self._path = state_dir / CACHE_FILE
        self._feed = feed
        self._period_seconds = period_seconds
        self._written = 0

    async def run(self) -> None:
        """Keep it up to date for ever. A disk that does not take it is told of, and tried again."""
        while True:
            await asyncio.sleep(self._period_seconds)
            await self.save()

    async def save(self) -> None:
        """Write it now, if the feed is whole and has changed since."""
        version = self._feed.version
        if not self._feed.synced or version == self._written:
            return
        content = b"".join(self._feed.snapshot())
        try:
            await asyncio.to_thread(_write, self._path, content)
        except OSError as error:
            log.warning("cache not written", extra={"path": str(self._path), "error": str(error)})
            return
        self._written = version


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_file.write(path, content)
