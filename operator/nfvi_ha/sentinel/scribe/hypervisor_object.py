"""The Hypervisor objects: made for governed nodes, and kept as the sentinels say, on the version that was read."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.errors import AlreadyExists
from nfvi_ha.kube.resources import HYPERVISORS
from nfvi_ha.sentinel.scribe.hypervisor_status import status_patch
from nfvi_ha.sentinel.scribe.report import HypervisorReport

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HypervisorView:
    """A Hypervisor as the scribe keeps it. Its name is that of its node."""

    name: str
    uid: str
    status: JsonObject = field(hash=False)


def hypervisor_view(obj: JsonObject) -> HypervisorView | None:
    """A Hypervisor (or None when it has no name). Never raises: what is malformed counts as absent."""
    metadata, status = obj.get("metadata"), obj.get("status")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(name, str) or not name:
        return None
    return HypervisorView(
        name=name,
        uid=str(metadata.get("uid") or ""),
        status=status if isinstance(status, dict) else {},
    )


class HypervisorObjects:
    """Knows them by the watch, and writes what differs.

    Args:
        client: what writes.
        on_change: told of the name of each that came, changed or went.
        now: wall clock, UTC.
    """

    def __init__(self, client: KubeClient, on_change: Callable[[str], None], *, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._on_change = on_change
        self._known: dict[str, HypervisorView] = {}
        self.synced = False
        """Whether all that there are were told of. Before that nothing is written: it would make what is there."""

    def changed(self, change: Change[HypervisorView]) -> None:
        """One came, changed or went."""
        view = change.new or change.old
        if view is None:
            return
        if change.new is not None:
            self._known[view.name] = change.new
        elif (known := self._known.get(view.name)) is not None and known.uid == view.uid:
            del self._known[view.name]
        self._on_change(view.name)

    def known(self, name: str) -> HypervisorView | None:
        """It as the watch shows it; None if there is none."""
        return self._known.get(name)

    async def ensure(self, name: str) -> None:
        """Make it, if there is none.

        Raises:
            KubeError: it could not be made; ask again.
        """
        if name not in self._known:
            await self._made(name)

    async def write(self, name: str, report: HypervisorReport) -> bool:
        """Make it, and bring its status up to the report; whether that changed its state.

        Raises:
            KubeError: it could not be written, or somebody wrote meanwhile; ask again.
        """
        view = self._known.get(name)
        if view is not None and not status_patch(report, view.status, self._now()):
            return False
        obj = await self._made(name) if view is None else await self._client.get(HYPERVISORS, name)
        patch = status_patch(report, obj.get("status"), self._now())
        if not patch:
            return False
        body = {"metadata": {"resourceVersion": obj["metadata"]["resourceVersion"]}, "status": patch}
        await self._client.patch(HYPERVISORS, name, body, subresource="status")
        log.info("hypervisor written", extra={"hypervisor": name, "state": report.state, "fields": sorted(patch)})
        return "state" in patch

    async def _made(self, name: str) -> JsonObject:
        try:
            return await self._client.create(HYPERVISORS, {"metadata": {"name": name}, "spec": {}})
        except AlreadyExists:
            return await self._client.get(HYPERVISORS, name)
