"""Metrics of the key service."""

from prometheus_client import CollectorRegistry, Counter


class KeyMetrics:
    """How often keys were asked for, and what became of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "nfvi_ha_key_requests_total",
            "Questions of agents for their keys, by result: Given, or the reason of the refusal.",
            ["result"],
            registry=registry,
        )

    def answered(self, result: str) -> None:
        """A question was answered so."""
        self._requests.labels(result).inc()
