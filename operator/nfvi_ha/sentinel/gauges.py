"""Numbers that are read when somebody asks for them."""

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from nfvi_ha.core.wire.nonces import SEATS

if TYPE_CHECKING:
    from nfvi_ha.sentinel.app import Sentinel


def register_gauges(sentinel: "Sentinel", registry: CollectorRegistry) -> None:
    """All gauges of one sentinel, and the receiver's own counters."""
    metrics = sentinel.metrics
    metrics.labelled(
        "hypervisors",
        "Governed hypervisors by the state that this seat holds them for.",
        "state",
        lambda: {state.value: float(number) for state, number in sentinel.verdicts.summary().items()},
    )
    metrics.gauge(
        "loop_lag_seconds",
        "Longest lateness of a tick within the last second.",
        lambda: sentinel.judge.lag.worst_seconds,
    )
    metrics.gauge("seats_heard", "Other seats that are heard now.", lambda: float(len(sentinel.seats.alive())))
    metrics.labelled(
        "seat_twice",
        "1 for a seat that two processes have, so that its vote does not count.",
        "seat",
        lambda: {str(seat): float(seat in sentinel.seats.twice()) for seat in range(SEATS)},
    )
    metrics.gauge(
        "records_waiting",
        "Incidents that are not in the API as they stand here.",
        lambda: float(sentinel.handover.open_papers),
    )
    metrics.gauge("spool_waiting", "Records that are not on disk yet.", lambda: float(sentinel.spool.waiting))
    metrics.gauge("scribe_connected", "1 while a scribe runs.", lambda: float(sentinel.scribe.connected))
    metrics.gauge("feed_synced", "1 once the scribe has told everything.", lambda: float(sentinel.feed.synced))
    metrics.gauge(
        "open_incidents", "Incidents that are not cleared.", lambda: float(len(sentinel.book.open_incidents()))
    )
    registry.register(sentinel.receiver)
