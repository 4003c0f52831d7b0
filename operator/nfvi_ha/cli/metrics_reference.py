"""The reference page of metrics: what each of the three processes serves on its /metrics."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.metrics import AgentMetrics
from nfvi_ha.agent.probes.registry import METRICS as PROBES_METRICS
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.lease import LeaseMetrics
from nfvi_ha.kube.recorder import RecorderMetrics
from nfvi_ha.operator.keys.metrics import KeyMetrics
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.sentinel.gauges import register_gauges
from nfvi_ha.sentinel.metrics import SentinelMetrics
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.sources import Sources

_NOBODY: Final[Any] = None
"""In place of what is read when somebody scrapes, which nobody does here."""


def _operator(registry: CollectorRegistry) -> None:
    for metrics in (OperatorMetrics, KeyMetrics, DeliveryMetrics, InformerMetrics, LeaseMetrics, RecorderMetrics):
        metrics(registry)


def _sentinel(registry: CollectorRegistry) -> None:
    sentinel: Any = SimpleNamespace(
        metrics=SentinelMetrics(registry), receiver=Receiver((), Sources(0, 1), audience=_NOBODY)
    )
    register_gauges(sentinel, registry)
    DeliveryMetrics(registry)


def _agent(registry: CollectorRegistry) -> None:
    AgentMetrics(registry).watch(_NOBODY, _NOBODY)
    for metrics in PROBES_METRICS:
        metrics(registry)
    InformerMetrics(registry)


SERVED_BY: Final[tuple[tuple[str, Callable[[CollectorRegistry], None]], ...]] = (
    ("operator", _operator),
    ("sentinel", _sentinel),
    ("agent", _agent),
)


def metrics_page() -> str:
    """Every metric, by the process that serves it."""
    parts = ["# Metrics\n"]
    for process, register in SERVED_BY:
        # Collectors that make their families at scrape time are asked for them once.
        registry = CollectorRegistry(auto_describe=True)
        register(registry)
        # The registry's own table: a metric without samples yet does not show its labels otherwise.
        rows = sorted(row for collector in registry._collector_to_names for row in _rows(collector))
        head = f"## {process.title()}\n\nServed on `/metrics` of the {process}.\n\n"
        parts.append(head + "| metric | type | labels | what it is |\n|---|---|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _rows(collector: Any) -> Iterable[str]:
    families = collector.describe() if hasattr(collector, "describe") else collector.collect()
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        names = getattr(family, "_labelnames", ()) or getattr(collector, "_labelnames", ())
        labels = ", ".join(f"`{label}`" for label in names) or "-"
        yield f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
