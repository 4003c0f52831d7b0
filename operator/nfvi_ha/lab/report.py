"""Results for people."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from nfvi_ha.lab.timings import LabTimings

TITLES: Final = {
    "notified_ms": "VIM notified",
    "replacement_created_ms": "replacement created",
    "ready_ms": "replacement Ready",
}


def show_result(result: dict[str, Any]) -> None:
    """The summary of a scenario as a table, with what the figures stand on."""
    console = Console()
    table = Table(title=f"{result['scenario']}: {len(result['runs'])} runs, milliseconds from the fault")
    table.add_column("")
    for column in ("p50", "p95", "p99", "max"):
        table.add_column(column, justify="right")
    for name, values in result["summary"].items():
        title = TITLES.get(name, name.removesuffix("_ms").replace("_", " "))
        table.add_row(title, *(_cell(values[column]) for column in ("p50", "p95", "p99", "max")))
    console.print(table)
    machine = result["machine"]
    console.print(
        f"{machine['cores']} cores of {machine['cpu']}, Linux {machine['kernel']}, Python {machine['python']}, "
        f"Kubernetes {machine['kubernetes']}; detection by {result['detection']}"
    )
    console.print(timings_table(LabTimings.from_json(result["stands_in_for"])))


def show_soak(result: dict[str, Any]) -> None:
    """The result of a soak in a few lines."""
    console = Console(highlight=False)
    soak, made = result["soak"], result["made"]
    console.print(
        f"{soak['hypervisors']} hypervisors for {result['seconds']:.0f} s, {soak['burn']} processes burning, "
        f"{result['loss']:.0%} of packets lost"
    )
    console.print("made: " + ", ".join(f"{name} {count}" for name, count in made.items()))
    console.print("raised: " + (", ".join(f"{name} {count}" for name, count in result["raised"].items()) or "nothing"))
    console.print(
        f"hypervisors told as failed that were not: {result['false_alarms']}; the one that was switched off at the "
        f"end: told after {result['power_off_notified_ms']:.0f} ms"
    )


def timings_table(timings: LabTimings) -> Table:
    """The delays that the lab's simulated parts stand in for."""
    table = Table(title="Delays the lab stands in for", title_justify="left", show_header=False, box=None)
    for name, value, meaning in timings.described():
        table.add_row(name.replace("_", " "), value, meaning)
    return table


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
