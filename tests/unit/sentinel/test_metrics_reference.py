"""The reference page has every metric that a sentinel serves."""

from prometheus_client import CollectorRegistry

from nfvi_ha.cli.metrics_reference import metrics_page
from nfvi_ha.sentinel.app import Sentinel


async def test_each_metric_of_a_sentinel_is_on_the_page(sentinel: Sentinel, registry: CollectorRegistry) -> None:
    _, _, page = metrics_page().partition("## Sentinel")
    page, _, _ = page.partition("## Agent")
    served = {family.name + "_total" * (family.type == "counter") for family in registry.collect()}
    assert {name for name in served if f"| `{name}` |" not in page} == set()
    assert sentinel.metrics is not None
    assert "| `nfvi_ha_sentinel_datagrams_dropped_total` | counter | `reason` |" in page
