"""Metrics of the VM probe."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from nfvi_ha.agent.probes.vm.vm_cache import VmCache
from nfvi_ha.agent.probes.vm.watch import VmWatch

_PREFIX: Final = "nfvi_ha_agent_vm"


class VmMetrics:
    """Counted once for all lives of the probe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ends = Counter(
            f"{_PREFIX}_ends_total",
            "VM processes that ended, by cause where that was a failure, else by why it was none.",
            ["decision"],
            registry=registry,
        )
        self._watched = Gauge(f"{_PREFIX}_watched", "VM processes that are watched.", registry=registry)
        self._unknown = Gauge(
            f"{_PREFIX}_unidentified", "VM processes of which it is not known whose they are.", registry=registry
        )
        self._heard = Gauge(
            f"{_PREFIX}_api_heard_seconds",
            "Seconds since the API server said anything of VMs; infinite if it never did.",
            registry=registry,
        )
        self._connector = Gauge(
            f"{_PREFIX}_proc_connector", "1 if the kernel's proc connector is listened to.", registry=registry
        )
        self._overflows = Counter(
            f"{_PREFIX}_proc_connector_overflows_total", "Times that its events were lost.", registry=registry
        )

    def decided(self, decision: str) -> None:
        """An end was decided."""
        self._ends.labels(decision).inc()

    def connected(self) -> None:
        """The proc connector is open."""
        self._connector.set(1)

    def connector_lost(self) -> None:
        """Events of the connector were lost; the next search finds what they told."""
        self._overflows.inc()

    def watch(self, watch: VmWatch, cache: VmCache) -> None:
        """Read these at scrape time."""
        self._watched.set_function(lambda: float(len(tuple(watch.live))))
        self._unknown.set_function(_count(lambda: [guest for guest in watch.live if guest.identity is None]))
        self._heard.set_function(cache.heard_seconds)


def _count(of: Callable[[], list[object]]) -> Callable[[], float]:
    return lambda: float(len(of()))
