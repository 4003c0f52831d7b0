"""The agent's own metrics (prometheus); those of the beat process are in ``beat_metrics``."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from nfvi_ha.agent.beat_metrics import BeatCollector
from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.spool import Spool
from nfvi_ha.core.fault import FaultKind

_PREFIX: Final = "nfvi_ha_agent"


class AgentMetrics:
    """What is counted in the probes process, and what the beat process last said of itself."""

    def __init__(self, registry: CollectorRegistry, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._probe_restarts = self._counter("probe_restarts", "Probes that failed and were started again.", "probe")
        self._key_requests = self._counter("key_requests", "Requests to the key service, by result.", "result")
        self._lag = Gauge(
            f"{_PREFIX}_probes_lag_seconds", "Lag of the probes' event loop, largest of 1 s.", registry=registry
        )
        self.beat = BeatCollector(monotonic)
        registry.register(self.beat)

    def probe_failed(self, probe: str) -> None:
        """A probe raised, and is started again."""
        self._probe_restarts.labels(probe).inc()

    def key_request(self, result: str) -> None:
        """The key service answered, or did not."""
        self._key_requests.labels(result).inc()

    def lag(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.set(seconds)

    def watch(self, table: FaultTable, spool: Spool) -> None:
        """Read these at scrape time."""
        faults = Gauge(f"{_PREFIX}_faults", "Faults in the present set.", ["kind"], registry=self._registry)
        for kind in FaultKind:
            faults.labels(kind.value).set_function(partial(_count, table, kind))
        self._gauge("faults_left_out", "Faults that a beat has no room for now.", lambda: sum(table.left_out.values()))
        self._gauge("spool_bytes", "Size of the spool file.", lambda: spool.size_bytes)
        self._gauge("spool_failed_writes", "Writes of the spool that failed since the start.", lambda: spool.errors)

    def _counter(self, name: str, text: str, label: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}_total", text, [label], registry=self._registry)

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(f"{_PREFIX}_{name}", text, registry=self._registry).set_function(value)


def _count(table: FaultTable, kind: FaultKind) -> float:
    return float(table.counts().get(kind, 0))
