"""The VMs and launcher pods that were ever seen on this node, as kept on disk: the newest thousand."""

import asyncio
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from nfvi_ha.agent import cache
from nfvi_ha.core.vmprocess.facts import LauncherFacts, VmFacts

log = logging.getLogger(__name__)

KEPT: Final = 1000
WRITE_SECONDS: Final = 1.0
"""At most one write in that time."""


class VmMemory:
    """VMs by uid and launchers by the pod's uid, in order of their last change."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._changed = asyncio.Event()
        self.vms: dict[str, VmFacts] = {}
        self.launchers: dict[str, LauncherFacts] = {}

    def load(self) -> None:
        """Read what an earlier process left. A damaged file is no memory."""
        try:
            value = cache.read(self._file)
            if value is not None:
                self.vms = {each["uid"]: VmFacts.from_json(each) for each in value["vms"]}
                self.launchers = {each["uid"]: LauncherFacts(**each) for each in value["launchers"]}
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("cached VMs not used", extra={"path": str(self._file), "error": str(error)})

    def put(self, vm: VmFacts) -> None:
        """As it is now."""
        if self.vms.get(vm.uid) == vm:
            return
        self.vms.pop(vm.uid, None)
        self.vms[vm.uid] = vm
        _trim(self.vms)
        self._changed.set()

    def left(self, vm: VmFacts) -> VmFacts:
        """It is not in the API any more, or not on this node; returned as such."""
        gone = replace(vm, gone=True)
        self.put(gone)
        return gone

    def put_launcher(self, launcher: LauncherFacts) -> None:
        """As it is now."""
        if self.launchers.get(launcher.uid) == launcher:
            return
        self.launchers.pop(launcher.uid, None)
        self.launchers[launcher.uid] = launcher
        _trim(self.launchers)
        self._changed.set()

    async def run(self) -> None:
        """Write for ever, in a thread. A disk that fails is tried again with the next change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            value = {
                "vms": [vm.to_json() for vm in self.vms.values()],
                "launchers": [asdict(launcher) for launcher in self.launchers.values()],
            }
            try:
                await asyncio.to_thread(cache.write, self._file, value)
            except OSError as error:
                log.warning("VMs cannot be kept", extra={"path": str(self._file), "error": str(error)})
            await asyncio.sleep(WRITE_SECONDS)


def _trim(known: dict[str, Any]) -> None:
    while len(known) > KEPT:
        del known[next(iter(known))]
