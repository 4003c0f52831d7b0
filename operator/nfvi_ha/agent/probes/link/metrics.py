"""Metrics of the link probe."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PREFIX: Final = "nfvi_ha_agent_link"
_BUCKETS: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0)


class LinkMetrics:
    """Counted once for all lives of the probe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.asked = Counter(
            f"{_PREFIX}_path_probes_total",
            "Probes of storage paths, by result: sent, unsent (the kernel had no way), answered, refused.",
            ["path", "target", "result"],
            registry=registry,
        )
        self.outages = Histogram(
            f"{_PREFIX}_path_outage_seconds",
            "Time in which no target of a storage path answered, failovers among it.",
            ["path"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.up = Gauge(f"{_PREFIX}_up", "1 if the watched interface is up.", ["interface"], registry=registry)
        self.netlink_lost = Counter(
            f"{_PREFIX}_netlink_failures_total", "Times that netlink failed or lost events.", registry=registry
        )
