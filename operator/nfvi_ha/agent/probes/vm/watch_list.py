"""The VMs being watched, as kept on disk: so that a later process sees which of them ended meanwhile."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from nfvi_ha.agent import cache
from nfvi_ha.agent.probes.vm.guest import Guest

log = logging.getLogger(__name__)

WRITE_SECONDS: Final = 0.2


class WatchList:
    """One file of one boot of the hypervisor."""

    def __init__(self, file: Path, boot_id: str) -> None:
        self._file = file
        self._boot_id = boot_id
        self._changed = asyncio.Event()
        self._guests: list[dict[str, Any]] = []

    def load(self) -> list[Guest]:
        """The VMs that an earlier process of this boot watched; none if it left nothing that can be read."""
        try:
            value = cache.read(self._file)
            if value is None or value["bootId"] != self._boot_id:
                return []
            return [Guest.ghost(each) for each in value["vms"]]
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("list of watched VMs not used", extra={"path": str(self._file), "error": str(error)})
            return []

    def keep(self, guests: Iterable[Guest]) -> None:
        """These are watched, or ended and are not decided yet."""
        rows = [guest.to_json() for guest in guests if guest.identity is not None]
        if rows != self._guests:
            self._guests = rows
            self._changed.set()

    async def run(self) -> None:
        """Write for ever, in a thread. A disk that fails is tried again with the next change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await asyncio.to_thread(cache.write, self._file, {"bootId": self._boot_id, "vms": self._guests})
            except OSError as error:
                log.warning("watched VMs cannot be kept", extra={"path": str(self._file), "error": str(error)})
            await asyncio.sleep(WRITE_SECONDS)
