"""A burst's result for people."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

COLUMNS: Final = ("p50", "p95", "p99", "max")
TITLES: Final = {
    "event_to_received_ms": "watch event -> VIM",
    "answered_to_received_ms": "write answered -> VIM",
    "sent_to_received_ms": "write sent -> VIM",
}


def show_burst(result: dict[str, Any]) -> None:
    """The latencies and costs as tables, with the machine they were measured on."""
    console, options = Console(), result["options"]
    title = f"{options['fail']} of {options['vms']} VMs fail within {options['within_seconds']:g} s"
    table = Table(title=f"{title}, {options['repeat']} time(s); milliseconds")
    table.add_column("")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, values in result["summary"].items():
        table.add_row(TITLES[name], *("-" if values[column] is None else f"{values[column]:.1f}" for column in COLUMNS))
    console.print(table)
    last = result["runs"][-1]
    cost = last["until_settled"]
    console.print(
        f"last run: all told after {last['all_received_ms']:.0f} ms, replacements created after "
        f"{last['all_replacements_created_ms']:.0f} ms, records complete after "
        f"{last['all_deliveries_recorded_ms']:.0f} ms; operator {cost['operator_cpu_seconds']:.2f} s CPU"
    )
    rss, quiet = result["operator_rss_mb"], result["quiet_events"]
    each = "" if quiet is None else f", {quiet['beyond_idle_ms']} ms CPU per quiet watch event"
    console.print(f"operator: {rss['peak']:.0f} MB at most{each}")
    machine = result["machine"]
    console.print(
        f"{machine['cores']} cores of {machine['cpu']}, load {machine['load_average']['before'][0]} before, "
        f"Kubernetes {machine['kubernetes']}; shared by {', '.join(result['shared_by'])}"
    )
