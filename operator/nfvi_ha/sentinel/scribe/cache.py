"""The cache file: what a sentinel starts from while the API server is down.

It holds keys and credentials, so nobody but us may read it, at no moment.
"""

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import CACHE_FILE

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
"""It is not written more often."""
_MODE: Final = 0o600


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
            await asyncio.to_thread(write_private, self._path, content)
        except OSError as error:
            log.warning("cache not written", extra={"path": str(self._path), "error": str(error)})
            return
        self._written = version


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically by one that only its owner can read.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()  # left by a crash, perhaps with other rights
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
