"""The sentinel's own metrics. Delivery has its own (``reporting.metrics``), and the receiver counts its drops."""

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PREFIX: Final = "nfvi_ha_sentinel_"
VERDICT_BUCKETS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0, 1.5, 2.0, 5.0)
STAGE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class SentinelMetrics:
    """All of them, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.verdict = Histogram(
            f"{PREFIX}verdict_seconds",
            "From a hypervisor's last beat to the fault that was raised for its silence.",
            ["kind"],
            buckets=VERDICT_BUCKETS,
            registry=registry,
        )
        self.telling = Histogram(
            f"{PREFIX}telling_seconds",
            "From a verdict to the last of its notifications handed to delivery, those of its VMs included.",
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.tick = Histogram(
            f"{PREFIX}tick_seconds", "One tick: draining, judging, acting.", buckets=STAGE_BUCKETS, registry=registry
        )
        self.stalls = Counter(
            f"{PREFIX}stalls_total", "Times that our own loop stood still, and we abstained.", registry=registry
        )
        self.feed_refused = Counter(
            f"{PREFIX}feed_refused_total",
            "Entries of the feed not used, by kind and reason.",
            ["kind", "reason"],
            registry=registry,
        )
        self.faults_refused = Counter(
            f"{PREFIX}agent_faults_refused_total", "Faults of agents that could not be used.", registry=registry
        )
        self.spool_errors = Counter(f"{PREFIX}spool_errors_total", "Failed writes to the spool.", registry=registry)
        self.scribe_restarts = Counter(
            f"{PREFIX}scribe_restarts_total", "Times that the scribe was started again.", registry=registry
        )
        self.errors = Counter(
            f"{PREFIX}errors_total", "Defects that were survived, by where they showed.", ["where"], registry=registry
        )
        self.real_time = Gauge(
            f"{PREFIX}real_time", "1 under real-time scheduling, 0 where it was not permitted.", registry=registry
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read at scrape time."""
        Gauge(f"{PREFIX}{name}", text, registry=self._registry).set_function(value)

    def labelled(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """A gauge with one label that is read at scrape time."""
        self._registry.register(_Labelled(f"{PREFIX}{name}", text, label, values))


class _Labelled(Collector):
    def __init__(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._values = values

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(self._name, self._text, labels=[self._label])]

    def collect(self) -> list[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for key, value in self._values().items():
            family.add_metric([key], value)
        return [family]
