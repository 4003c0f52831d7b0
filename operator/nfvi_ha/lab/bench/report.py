"""Results of benches for people."""

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


def show_beats(result: dict[str, Any]) -> None:
    """Rates, verdicts and costs of the receiver, with the machine they were measured on."""
    console, fleet, options = Console(), result["fleet"], result["options"]
    table = Table(title="One core")
    table.add_column("")
    table.add_column("a second", justify="right")
    for name, rate in result["one_core"].items():
        table.add_row(name.removesuffix("_per_second").replace("_", " "), f"{rate:,}")
    console.print(table)
    table = Table(title=f"{options['nodes']} hypervisors, {options['stops']} stops of a second; milliseconds")
    for column in ("", *COLUMNS):
        table.add_column(column, justify="right" if column else "left")
    for name in ("silence_to_suspect_ms", "silence_to_failed_ms"):
        values = (fleet[name][column] for column in COLUMNS)
        table.add_row(
            name.removesuffix("_ms").replace("_", " "), *("-" if value is None else f"{value:.0f}" for value in values)
        )
    console.print(table)
    console.print(
        f"{fleet['beats_per_second']:,} beats a second took {fleet['seat_cpu_share']:.1%} of a core; "
        f"{fleet['false_suspected']} false suspicions, {fleet['suspected_of_the_silent']} of {fleet['silent_hosts']} "
        f"silent hosts suspected; {fleet['lost_in_kernel']} datagrams lost"
    )
    machine = result["machine"]
    console.print(f"{machine['cores']} cores of {machine['cpu']}, load {machine['load_average']['before'][0]} before")


def show_fuzz(result: dict[str, Any]) -> None:
    """What was sent and what became of it."""
    console = Console()
    for what in ("taken", "dropped"):
        table = Table(title=what.capitalize())
        table.add_column("")
        table.add_column("datagrams", justify="right")
        for name, count in result[what].items():
            table.add_row(name, f"{count:,}")
        console.print(table)
    console.print(
        f"{result['through_the_receiver']:,} datagrams through the receiver, all as expected; "
        f"{result['decoded_with_a_true_tag']:,} spoiled bodies decoded, {result['of_these_refused']:,} refused; "
        f"{result['seconds']:.0f} s"
    )
