"""Metrics of the process probe."""

from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from nfvi_ha.agent.probes.process.watch import ProcessWatch

_PREFIX: Final = "nfvi_ha_agent_process"


class ProcessMetrics:
    """Read when the watch says so, about once a second."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._watched = Gauge(
            f"{_PREFIX}_watched", "Processes of an entry of the watch list.", ["name"], registry=registry
        )
        self._unanswered = Gauge(
            f"{_PREFIX}_unanswered",
            "1 if the last question was not answered, by reason; an entry that never answered is not judged by it.",
            ["name", "reason"],
            registry=registry,
        )

    def take(self, watch: ProcessWatch) -> None:
        """As it is now."""
        self._watched.clear()
        self._unanswered.clear()
        for name, daemon in watch.daemons.items():
            self._watched.labels(name).set(daemon.count)
            if daemon.outcome.reason:
                self._unanswered.labels(name, daemon.outcome.reason).set(1)
