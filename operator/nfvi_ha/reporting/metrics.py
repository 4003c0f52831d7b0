"""Prometheus metrics of the delivery."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
"""Seconds; fine below the second that the VIM was promised."""


class DeliveryMetrics:
    """The metrics of all endpoints, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._latency = Histogram(
            "nfvi_ha_delivery_seconds",
            "From a notification's decision (submit) to the endpoint's 2xx, retries included.",
            ["endpoint"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._attempts = Counter(
            "nfvi_ha_delivery_attempts_total",
            "Requests to an endpoint by result: 2xx..5xx, or the reason why there was no answer.",
            ["endpoint", "result"],
            registry=registry,
        )
        self._outcomes = Counter(
            "nfvi_ha_delivery_outcomes_total",
            "Notifications done with at an endpoint: Delivered, Parked or Expired.",
            ["endpoint", "state"],
            registry=registry,
        )
        self._pending = Gauge(
            "nfvi_ha_delivery_pending", "Notifications in memory and not done with.", ["endpoint"], registry=registry
        )
        self._refused = Gauge(
            "nfvi_ha_delivery_refused",
            "Notifications not taken into memory because it was full, and not submitted again yet.",
            ["endpoint"],
            registry=registry,
        )
        self._reachable = Gauge(
            "nfvi_ha_endpoint_reachable", "1 if the endpoint works, 0 if not.", ["endpoint"], registry=registry
        )
        self.callback_errors = Counter(
            "nfvi_ha_delivery_callback_errors_total",
            "Errors raised by whoever is told of outcomes or reachability.",
            registry=registry,
        )

    def of(self, endpoint: str) -> "EndpointMetrics":
        """The metrics of one endpoint."""
        return EndpointMetrics(
            endpoint, self._latency, self._attempts, self._outcomes, self._pending, self._refused, self._reachable
        )


class EndpointMetrics:
    """The metrics of one endpoint, its labels resolved once."""

    def __init__(
        self,
        endpoint: str,
        latency: Histogram,
        attempts: Counter,
        outcomes: Counter,
        pending: Gauge,
        refused: Gauge,
        reachable: Gauge,
    ) -> None:
        self._endpoint = endpoint
        self._labelled = (latency, pending, refused, reachable)
        self._attempts = attempts
        self._outcomes = outcomes
        self._children: dict[tuple[Counter, str], Counter] = {}
        self.latency = latency.labels(endpoint)
        self.pending = pending.labels(endpoint)
        self.refused = refused.labels(endpoint)
        self._reachable = reachable

    def attempt(self, result: str) -> None:
        """Count a request by its result."""
        self._child(self._attempts, result).inc()

    def outcome(self, state: str) -> None:
        """Count a notification that is done with."""
        self._child(self._outcomes, state).inc()

    def _child(self, counter: Counter, label: str) -> Counter:
        child = self._children.get((counter, label))
        if child is None:
            child = self._children[counter, label] = counter.labels(self._endpoint, label)
        return child

    def reachable(self, reachable: bool) -> None:
        """Set the gauge; it does not exist while nothing is known."""
        self._reachable.labels(self._endpoint).set(int(reachable))

    def remove(self) -> None:
        """Drop the gauges and the histogram of a removed endpoint; its counters stay, as counters do."""
        for metric in self._labelled:
            metric.remove_by_labels({"endpoint": self._endpoint})
