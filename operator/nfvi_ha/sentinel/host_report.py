"""What the scribe writes of each hypervisor: the whole of it, on change, and never faster than it settles."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nfvi_ha.api.hypervisor import MAX_PARTS
from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.permits import Permits

JsonObject = dict[str, Any]

PERIOD_SECONDS: Final = 0.2
HARDWARE: Final = frozenset({FaultKind.HARDWARE_FAILED, FaultKind.HARDWARE_DEGRADED})
STORAGE: Final = frozenset(
    {FaultKind.STORAGE_PATH_DEGRADED, FaultKind.STORAGE_PATH_FAILED, FaultKind.STORAGE_PATH_SLOW}
)


@dataclass(frozen=True, slots=True)
class _Held:
    state: NodeState
    reason: str
    since: datetime


class HostReports:
    """Keeps what was last said of each hypervisor, and says what differs.

    Args:
        seat: ours.
        book: all incidents.
        lives: what agents said.
        permits: when each was last permitted to live.
        clock: time.
        send: hands a message to the scribe; False if there is none now.
    """

    def __init__(
        self,
        *,
        seat: int,
        book: IncidentBook,
        lives: Lives,
        permits: Permits,
        clock: Clock,
        send: Callable[[JsonObject], bool],
    ) -> None:
        self._seat = seat
        self._book = book
        self._lives = lives
        self._permits = permits
        self._clock = clock
        self._send = send
        self._held: dict[str, _Held] = {}
        self._dirty: set[str] = set()
        self._said: dict[str, JsonObject] = {}

    def state(self, node: str, state: NodeState, reason: str) -> None:
        """It is held for something else now."""
        self._held[node] = _Held(state, reason, self._clock.now())
        self._dirty.add(node)

    def changed(self, node: str) -> None:
        """Its faults or its VMs are others now."""
        self._dirty.add(node)

    def forget(self, node: str) -> None:
        """It left the roster."""
        self._held.pop(node, None)
        self._said.pop(node, None)
        self._dirty.discard(node)

    def restart(self) -> None:
        """A scribe has come that knows nothing."""
        self._said.clear()
        self._dirty.update(self._held)

    def flush(self) -> None:
        """Say what changed."""
        if not self._dirty:
            return
        open_ones = self._book.open_incidents()
        for node in list(self._dirty):
            held = self._held.get(node)
            if held is None:
                self._dirty.discard(node)
                continue
            message = self._report(node, held, [one for one in open_ones if one.fault.node == node])
            if self._said.get(node) == message or self._send({"hypervisor": message}):
                self._said[node] = message
                self._dirty.discard(node)

    def _report(self, node: str, held: _Held, faults: Iterable[Incident]) -> JsonObject:
        life = self._lives.get(node)
        beat = life.beat if life is not None else None
        permit = self._permits.last(node, beat.boot_id if beat is not None else "")
        own = [one for one in faults if one.fault.resource.kind == "Hypervisor"]
        return {
            "node": node,
            "state": held.state.value,
            "reason": held.reason,
            "since": format_stamp(held.since),
            "bootID": beat.boot_id if beat is not None else "",
            "confidence": own[0].fault.confidence.value if own else "high",
            "vms": len(life.inventory) if life is not None and life.inventory is not None else None,
            "agents": [
                {
                    "bootID": beat.boot_id,
                    "incarnation": beat.incarnation,
                    "realTime": bool(beat.flags & Flags.REAL_TIME),
                    "probesDown": bool(beat.flags & Flags.PROBES_DOWN),
                }
            ]
            if beat is not None
            else [],
            "hardware": [_part(one) for one in faults if one.fault.kind in HARDWARE][:MAX_PARTS],
            "storagePaths": [_part(one) for one in faults if one.fault.kind in STORAGE][:MAX_PARTS],
            "watchdog": beat.watchdog.name.capitalize() if beat is not None else "None",
            "permit": {
                "seat": self._seat,
                "last": format_stamp(self._clock.stamp(permit.at)) if permit.revoked else None,
                "revoked": permit.revoked,
            },
            "conditions": [],
        }


def _part(incident: Incident) -> JsonObject:
    fault = incident.fault
    return {
        "component": fault.resource.name.partition("/")[2],
        "fault": fault.kind.value,
        "cause": fault.cause,
        "severity": fault.severity.value,
        "message": fault.message,
        "since": format_stamp(fault.detected_at),
        "incident": incident.id,
    }
