"""Hypervisors as the sentinels see them: their objects, the marks on their Nodes, and Events, all on change only."""

import logging
import random
from collections.abc import Callable, Iterable
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.kube.workqueue import WorkQueue
from nfvi_ha.sentinel.scribe import reasons
from nfvi_ha.sentinel.scribe.hypervisor_object import HypervisorObjects, HypervisorView
from nfvi_ha.sentinel.scribe.marker import Marker
from nfvi_ha.sentinel.scribe.rank import Rank
from nfvi_ha.sentinel.scribe.report import HypervisorReport

log = logging.getLogger(__name__)

CONCURRENCY: Final = 8
LAST_RETRY_SECONDS: Final = 3.0
AGAIN_SECONDS: Final = 5.0
"""So long after somebody changed a Node it is looked at again. Should two seats that cannot hear each other disagree,
they write no faster than this."""


class Hypervisors:
    """Keeps the newest report of each hypervisor, and writes what differs from it.

    Each report is written once: what others write afterwards is not undone, or two seats that see things differently
    would write for ever.

    Args:
        objects: writes Hypervisors.
        marker: marks Nodes.
        governed: whether a policy covers the node of that name.
        rank: when this seat writes.
        emit: makes an Event on a node: its name, type, reason and note.
    """

    def __init__(
        self,
        *,
        objects: HypervisorObjects,
        marker: Marker,
        governed: Callable[[str], bool],
        rank: Rank,
        emit: Callable[[str, str, str, str], None],
    ) -> None:
        self._objects = objects
        self._marker = marker
        self._governed = governed
        self._rank = rank
        self._emit = emit
        self._reports: dict[str, HypervisorReport] = {}
        self._unwritten: dict[str, HypervisorView | None] = {}
        """Nodes whose report was not written yet, with the Hypervisor as it was when the report came."""
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
        self._unwritten[report.node] = self._objects.known(report.node)
        self._look(report.node)

    def changed(self, node: str) -> None:
        """A Node came or changed, or a policy that may cover it: it may lack its marks, or its object."""
        self._queue.add_after(node, AGAIN_SECONDS + self._rank.delay_seconds())

    def object_changed(self, name: str) -> None:
        """A Hypervisor came, changed or went. One that somebody deleted is made again, and filled."""
        if self._objects.known(name) is None:
            if name in self._reports:
                self._unwritten[name] = None
            self.changed(name)

    def all_known(self, nodes: Iterable[str]) -> None:
        """What Hypervisors there are is known now: those that are missing are made."""
        for node in nodes:
            self._look(node)

    def written(self, incident: Incident) -> None:
        """An Incident is in the API: what had to wait for the report may be done."""
        if incident.fault.kind is FaultKind.HYPERVISOR_FAILED and incident.fault.resource.name in self._reports:
            self._look(incident.fault.resource.name)

    def _look(self, node: str) -> None:
        self._queue.add_after(node, self._rank.delay_seconds())

    async def _work(self, node: str) -> None:
        report = self._reports.get(node)
        if report is not None and self._rank.speaks:
            await self._marker.mark(report)
        elif report is not None:
            # Ours stands still: others may have marked what it still holds for Up, or the other way round.
            self._queue.add_after(node, AGAIN_SECONDS)
        if not self._objects.synced or not self._governed(node):
            return
        if report is None or node not in self._unwritten:
            await self._objects.ensure(node)
            return
        before = self._unwritten[node]
        overtaken = self._rank.place > 0 and self._objects.known(node) != before
        if not overtaken and await self._objects.write(node, report):
            self._tell(report)
        if self._reports.get(node) is report:
            self._unwritten.pop(node, None)

    def _tell(self, report: HypervisorReport) -> None:
        sure = report.confidence is Confidence.HIGH or report.state not in reasons.OF_QUORUM
        type_, reason = reasons.OF_STATE.get(report.state if sure else NodeState.SUSPECT, ("", ""))
        if reason:
            self._emit(report.node, type_, reason, f"{report.state}: {report.reason or 'no reason given'}")
