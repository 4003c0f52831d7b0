"""Hypervisors as the sentinels see them: their objects, the marks on their Nodes, and Events, all on change only."""

import logging
import random
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import Incident
from nfvi_ha.kube.workqueue import WorkQueue
from nfvi_ha.sentinel.scribe import reasons
from nfvi_ha.sentinel.scribe.hypervisor_object import HypervisorObjects
from nfvi_ha.sentinel.scribe.marker import Marker
from nfvi_ha.sentinel.scribe.report import HypervisorReport

log = logging.getLogger(__name__)

CONCURRENCY: Final = 8
LAST_RETRY_SECONDS: Final = 3.0


class Hypervisors:
    """Keeps the newest report of each hypervisor, and writes what differs from it.

    Args:
        objects: writes Hypervisors.
        marker: marks Nodes.
        governed: whether a policy covers the node of that name.
        delay: how many seconds this seat waits before it writes.
        emit: makes an Event on a node: its name, type, reason and note.
    """

    def __init__(
        self,
        *,
        objects: HypervisorObjects,
        marker: Marker,
        governed: Callable[[str], bool],
        delay: Callable[[], float],
        emit: Callable[[str, str, str, str], None],
    ) -> None:
        self._objects = objects
        self._marker = marker
        self._governed = governed
        self._delay = delay
        self._emit = emit
        self._reports: dict[str, HypervisorReport] = {}
        self._queue = WorkQueue[str](
            "hypervisors",
            self._work,
            concurrency=CONCURRENCY,
            on_error=lambda *_: None,  # the queue logs it
            jitter=random.random,
            last_retry_seconds=LAST_RETRY_SECONDS,
        )

    async def run(self) -> None:
        """Write for ever."""
        await self._queue.run()

    def take(self, report: HypervisorReport) -> None:
        """The hot process holds a hypervisor for something else now, or knows more of it."""
        self._reports[report.node] = report
        self.look(report.node)

    def look(self, node: str) -> None:
        """Something about a node may be other than it should be."""
        self._queue.add_after(node, self._delay())

    def written(self, incident: Incident) -> None:
        """An Incident is in the API: what had to wait for the report may be done."""
        if incident.fault.kind is FaultKind.HYPERVISOR_FAILED and incident.fault.resource.name in self._reports:
            self.look(incident.fault.resource.name)

    async def _work(self, node: str) -> None:
        report = self._reports.get(node)
        if report is not None:
            await self._marker.mark(report)
        if self._governed(node) and await self._objects.write(node, report) and report is not None:
            self._tell(report)

    def _tell(self, report: HypervisorReport) -> None:
        type_, reason = reasons.OF_STATE.get(report.state, ("", ""))
        if reason:
            self._emit(report.node, type_, reason, f"{report.state}: {report.reason or 'no reason given'}")
