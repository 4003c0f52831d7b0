"""How informers are doing, as Prometheus metrics."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LAG_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_TYPES: Final = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")


class InformerMetrics:
    """The metrics of all informers of a process, told apart by the label ``informer``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix, labels = "nfvi_ha_informer", ["informer"]
        self.last_event_age = Gauge(
            f"{prefix}_last_event_age_seconds",
            "Seconds since anything was heard from the API server (bookmarks come about every minute).",
            labels,
            registry=registry,
        )
        self.synced = Gauge(f"{prefix}_synced", "1 once the first list was delivered.", labels, registry=registry)
        self.objects = Gauge(f"{prefix}_objects", "Objects in the store.", labels, registry=registry)
        self.relists = Counter(
            f"{prefix}_relists_total", "Lists made, by reason.", [*labels, "reason"], registry=registry
        )
        self.events = Counter(
            f"{prefix}_events_total", "Watch events received, by type.", [*labels, "type"], registry=registry
        )
        self.rejected = Counter(
            f"{prefix}_rejected_total",
            "Objects or lines that could not be read.",
            [*labels, "reason"],
            registry=registry,
        )
        self.watch_errors = Counter(
            f"{prefix}_watch_errors_total",
            "Lists and watches that failed, by reason.",
            [*labels, "reason"],
            registry=registry,
        )
        self.handler_errors = Counter(
            f"{prefix}_handler_errors_total", "Exceptions of the consumer.", labels, registry=registry
        )
        self.lag = Histogram(
            f"{prefix}_lag_seconds",
            "From an event's arrival to its delivery to the consumer.",
            labels,
            buckets=_LAG_BUCKETS,
            registry=registry,
        )

    def of(
        self, name: str, *, last_event_age: Callable[[], float], objects: Callable[[], float]
    ) -> "OneInformerMetrics":
        """The metrics of the informer ``name``; the two gauges are computed when they are scraped."""
        self.last_event_age.labels(name).set_function(last_event_age)
        self.objects.labels(name).set_function(objects)
        return OneInformerMetrics(self, name)


class OneInformerMetrics:
    """Metrics bound to one informer. Looking up a labelled child costs microseconds, so it is done once."""

    def __init__(self, metrics: InformerMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        self._events = {kind: metrics.events.labels(name, kind) for kind in _TYPES}
        self._lag = metrics.lag.labels(name)
        self._handler_errors = metrics.handler_errors.labels(name)
        self._synced = metrics.synced.labels(name)
        self._synced.set(0)

    def event(self, kind: str) -> None:
        """A watch event of a known type came."""
        self._events[kind].inc()

    def delivered(self, lag_seconds: float) -> None:
        """A change was handed to the consumer."""
        self._lag.observe(lag_seconds)

    def synced(self) -> None:
        """The first list was delivered."""
        self._synced.set(1)

    def relist(self, reason: str) -> None:
        """A list was started."""
        self._metrics.relists.labels(self._name, reason).inc()

    def rejected(self, reason: str) -> None:
        """A line or an object could not be read."""
        self._metrics.rejected.labels(self._name, reason).inc()

    def watch_error(self, reason: str) -> None:
        """A list or watch failed."""
        self._metrics.watch_errors.labels(self._name, reason).inc()

    def handler_error(self) -> None:
        """The consumer raised."""
        self._handler_errors.inc()
