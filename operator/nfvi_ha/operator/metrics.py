"""The operator's own metrics (prometheus), registered with the registry that is passed in."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nfvi_ha.core.fault import Fault

STAGE_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class OperatorMetrics:
    """Stages from fault to decision (delivery has its own metrics), and what the controllers did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._fault_to_seen = Histogram(
            "nfvi_ha_fault_to_seen_seconds",
            "From the failed component's own stamp (whole seconds, its node's clock) to our sight of it.",
            ["kind"],
            buckets=(0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
            registry=registry,
        )
        self._seen_to_decided = Histogram(
            "nfvi_ha_seen_to_decided_seconds",
            "From receipt of the watch event to the notification handed to delivery.",
            ["kind"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self._actions = Counter(
            "nfvi_ha_replicaset_actions_total",
            "Actions of the VNFReplicaSet controller.",
            ["action"],
            registry=registry,
        )
        self._reconciles = Histogram(
            "nfvi_ha_reconcile_seconds", "One reconcile, gather to act.", buckets=STAGE_BUCKETS, registry=registry
        )
        self._errors = Counter(
            "nfvi_ha_work_errors_total", "Failed work, by queue and error type.", ["queue", "error"], registry=registry
        )
        self._refused = Counter(
            "nfvi_ha_refused_objects_total",
            "Objects not acted on, by kind and reason.",
            ["kind", "reason"],
            registry=registry,
        )
        self._registry = registry

    def seen_to_decided(self, seconds: float, fault: Fault) -> None:
        """A fault was handed to delivery so many seconds after its watch event came in."""
        self._seen_to_decided.labels(fault.kind.value).observe(max(seconds, 0.0))
        if fault.occurred_at is not None:
            seen = (fault.detected_at - fault.occurred_at).total_seconds()
            self._fault_to_seen.labels(fault.kind.value).observe(max(seen, 0.0))

    def acted(self, action: str) -> None:
        """The VNFReplicaSet controller did something."""
        self._actions.labels(action).inc()

    def reconciled(self, seconds: float) -> None:
        """One reconcile ended."""
        self._reconciles.observe(seconds)

    def work_error(self, queue: str, error: Exception) -> None:
        """Work failed and will be tried again."""
        self._errors.labels(queue, type(error).__name__).inc()

    def refused(self, kind: str, reason: str) -> None:
        """An object was refused."""
        self._refused.labels(kind, reason).inc()

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge read at scrape time."""
        Gauge(name, text, registry=self._registry).set_function(value)
