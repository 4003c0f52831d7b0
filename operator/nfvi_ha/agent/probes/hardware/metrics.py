"""Metrics of the hardware probe."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

_PREFIX: Final = "nfvi_ha_agent_hardware"
MOST_SERIES: Final = 500
OTHER: Final = "other"


class HardwareMetrics:
    """Counted once for all lives of the probe."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._errors = Counter(
            f"{_PREFIX}_errors_total",
            "Errors seen, by rule and component; what stands is counted once for each time that it began.",
            ["rule", "component"],
            registry=registry,
        )
        self._series: set[tuple[str, str]] = set()
        self._commands = Counter(
            f"{_PREFIX}_commands_total",
            "Commands run on disks, by result: done, missing, late, stuck, too-long.",
            ["command", "result"],
            registry=registry,
        )
        self._readable = Gauge(f"{_PREFIX}_kernel_log", "1 if the kernel log is read.", registry=registry)
        self._lost = Counter(
            f"{_PREFIX}_kernel_log_lost_total",
            "Records that were overwritten before they were read.",
            registry=registry,
        )
        self._looks = Gauge(
            f"{_PREFIX}_look_seconds", "How long the last look took, by source.", ["source"], registry=registry
        )

    def seen(self, rule: str, component: str, errors: int) -> None:
        """So many more. Components come from the log, too: their number is bounded."""
        if (rule, component) not in self._series:
            if len(self._series) >= MOST_SERIES:
                component = OTHER
            self._series.add((rule, component))
        self._errors.labels(rule, component).inc(errors)

    def command(self, command: str, result: str) -> None:
        """A command was run."""
        self._commands.labels(command, result).inc()

    def log_readable(self, readable: bool) -> None:
        """Whether the kernel log is read."""
        self._readable.set(readable)

    def log_lost(self, records: int) -> None:
        """So many records were overwritten before they were read."""
        self._lost.inc(records)

    def looked(self, source: str, seconds: float) -> None:
        """A look took so long."""
        self._looks.labels(source).set(seconds)
