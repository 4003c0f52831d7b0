"""What the probe knows, on disk: so that another process of the same boot goes on where this one ended."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nfvi_ha.agent import cache

log = logging.getLogger(__name__)

WRITE_SECONDS: Final = 2.0
"""The table's spool is written at once, and so before what was told of is noted here: a crash in between tells twice,
never not at all."""


class Notebook:
    """One file of one boot."""

    def __init__(self, file: Path, boot_id: str) -> None:
        self._file = file
        self._boot_id = boot_id

    def read(self) -> dict[str, Any] | None:
        """What an earlier process of this boot noted; None if there is nothing that can be used."""
        try:
            value = cache.read(self._file)
        except (OSError, ValueError) as error:
            log.warning("notes on hardware not used", extra={"path": str(self._file), "error": str(error)})
            return None
        if not isinstance(value, dict) or value.get("bootId") != self._boot_id:
            return None
        return value

    async def keep(self, content: Callable[[], dict[str, Any]]) -> None:
        """Write for ever what changed. A disk that fails is tried again."""
        written: dict[str, Any] | None = None
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            now = content()
            if now == written:
                continue
            try:
                await asyncio.to_thread(cache.write, self._file, {"bootId": self._boot_id, **now})
            except OSError as error:
                log.warning("notes on hardware cannot be kept", extra={"path": str(self._file), "error": str(error)})
            else:
                written = now
