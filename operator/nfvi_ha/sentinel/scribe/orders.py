"""The hot process's orders, each to whoever carries it out. One that cannot be used is told, and harms no other."""

import logging
from typing import Final

from nfvi_ha.kube.recorder import EventRecorder
from nfvi_ha.sentinel.scribe import reasons
from nfvi_ha.sentinel.scribe.hypervisors import Hypervisors
from nfvi_ha.sentinel.scribe.lines import JsonObject
from nfvi_ha.sentinel.scribe.rank import Rank
from nfvi_ha.sentinel.scribe.records import Records
from nfvi_ha.sentinel.scribe.report import BadReport, read_report

log = logging.getLogger(__name__)

_TYPES: Final = frozenset({reasons.NORMAL, reasons.WARNING})


class Orders:
    """Takes one line at a time.

    Args:
        rank: is told which seats live.
        records: writes Incidents.
        hypervisors: writes Hypervisors and marks Nodes.
        recorder: makes Events.
    """

    def __init__(
        self,
        *,
        rank: Rank,
        records: Records,
        hypervisors: Hypervisors,
        recorder: EventRecorder,
    ) -> None:
        self._rank = rank
        self._records = records
        self._hypervisors = hypervisors
        self._recorder = recorder

    def take(self, line: JsonObject) -> None:
        """Carry out one order, or begin to."""
        serial = line.get("serial")
        match line:
            case {"record": dict(record)}:
                self._records.take(record, serial if isinstance(serial, int) else None)
            case {"hypervisor": dict(report)}:
                try:
                    self._hypervisors.take(read_report(report))
                except BadReport as bad:
                    log.warning("order not understood", extra={"reason": str(bad)})
            case {"event": {"node": str(node), "type": str(type_), "reason": str(reason), "note": str(note)}}:
                self.emit(node, type_, reason, note)
            case {"seats": list(seats)}:
                self._rank.heard(seats)
            case _:
                log.warning("order not understood", extra={"keys": sorted(line)})

    def emit(self, node: str, type_: str, reason: str, note: str) -> None:
        """An Event on a node."""
        # A node's name as its uid is what kubelets write, and what `kubectl describe node` looks for.
        regarding = {"apiVersion": "v1", "kind": "Node", "name": node, "uid": node}
        self._recorder.emit(regarding, "Warning" if type_ == reasons.WARNING else "Normal", reason, note, "Observe")
