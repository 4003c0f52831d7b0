"""Marks Nodes as the verdicts are: gathers a Node's state, lets ``core`` decide, and acts."""

import logging
from collections.abc import Callable
from datetime import datetime

from nfvi_ha.core.fault import FaultKind, ResourceRef
from nfvi_ha.core.hypervisor_marks import Verdict, marks
from nfvi_ha.core.incident import Incident
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import NODES
from nfvi_ha.sentinel.scribe.host_view import HostView, host_view
from nfvi_ha.sentinel.scribe.node_patch import operations, subresource_of
from nfvi_ha.sentinel.scribe.records import Records
from nfvi_ha.sentinel.scribe.report import HypervisorReport

log = logging.getLogger(__name__)


class Marker:
    """Sets and removes our taint and our condition.

    Args:
        client: what reads and writes Nodes.
        records: tells what was reported.
        host: the node of that name as the watch shows it.
        governed: whether a policy covers it, and wants it marked.
        now: wall clock, UTC.
    """

    def __init__(
        self,
        client: KubeClient,
        records: Records,
        *,
        host: Callable[[str], HostView | None],
        governed: Callable[[str], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._records = records
        self._host = host
        self._governed = governed
        self._now = now

    def verdict(self, report: HypervisorReport) -> Verdict:
        """The verdict as the decision sees it."""
        incident = self._incident(report)
        # A sentinel that never heard the node takes its boot from the record.
        boot_id = report.boot_id or (incident.fault.resource.uid if incident is not None else "")
        reported = incident is not None and self._records.is_written(incident.id)
        return Verdict(report.state, report.confidence, boot_id, reported, self._governed(report.node))

    def _incident(self, report: HypervisorReport) -> Incident | None:
        """The open record of the hypervisor's failure."""
        for incident in self._records.book.of_resource(ResourceRef("Hypervisor", "", report.node, "")):
            same_boot = report.boot_id in ("", incident.fault.resource.uid)
            if incident.fault.kind is FaultKind.HYPERVISOR_FAILED and same_boot and not incident.cleared:
                return incident
        return None

    async def mark(self, report: HypervisorReport) -> None:
        """Make the Node as the verdict says, if it is not.

        Raises:
            KubeError: it could not be read or written, or somebody wrote meanwhile; ask again.
        """
        seen = self._host(report.node)
        if seen is None or not marks(self.verdict(report), seen.marks):
            return  # should the watch be behind, its next event asks again
        try:
            node = await self._client.get(NODES, report.node)
        except NotFound:
            return
        host = host_view(node)
        if host is None:
            return
        message = f"{report.state}: {report.reason}" if report.reason else report.state
        for mark in marks(self.verdict(report), host.marks):
            patch = operations(mark, node, message, self._now())
            if patch:
                node = await self._client.patch(NODES, report.node, patch, subresource=subresource_of(mark))
                log.info("node marked", extra={"node": report.node, "mark": mark.value, "state": report.state})
