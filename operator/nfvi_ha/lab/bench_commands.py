"""``nfvi-ha lab bench``: measurements of one part, each in a lab of its own."""

import sys
from typing import Annotated, Final

import typer

from nfvi_ha.lab.invoke import OperatorCount, Output, OutputOption, print_json, run_awaited

bench: Final = typer.Typer(help="Measurements of the operator itself, each in a lab of its own.", no_args_is_help=True)


@bench.command()
def burst(
    vms: Annotated[int, typer.Option(min=1, max=10_000, help="VMs, in VNFReplicaSets of up to 100.")] = 1000,
    fail: Annotated[int, typer.Option(min=1, help="How many of them fail.")] = 500,
    within: Annotated[float, typer.Option(min=0.0, max=60.0, help="In how many seconds they fail.")] = 1.0,
    repeat: Annotated[int, typer.Option(min=1, max=10_000, help="How often, each time from calm.")] = 1,
    boot: Annotated[float, typer.Option(min=0.0, help="Seconds from a VMI's creation until it is Ready.")] = 1.5,
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Do not hold events back until all are written: the API server sets the pace."),
    ] = False,
    operators: OperatorCount = 1,
    seed: Annotated[int, typer.Option(help="Decides which VMs fail.")] = 1,
    output: OutputOption = Output.TEXT,
) -> None:
    """Let many VMs fail at once in the API and measure until the VIM knows of each; with CPU time and memory.

    Everything is real but the hypervisors: one process writes what they would. With -o json stdout is one JSON object.
    """
    from nfvi_ha.lab.bench.burst import BurstOptions
    from nfvi_ha.lab.bench.report import show_burst
    from nfvi_ha.lab.session import bench_burst

    options = BurstOptions(vms, min(fail, vms), within, repeat, operators, direct, boot, seed)
    result = run_awaited(lambda: bench_burst(options, sys.stderr))
    if output is Output.JSON:
        print_json(result)
    else:
        show_burst(result)


@bench.command()
def receiver(
    nodes: Annotated[int, typer.Option(min=1, max=5000, help="Hypervisors, each on two networks.")] = 1000,
    seconds: Annotated[float, typer.Option(min=10.0, max=3600.0, help="So long they beat.")] = 45.0,
    silent: Annotated[int, typer.Option(min=0, help="So many of them fall silent, one by one.")] = 100,
    stops: Annotated[int, typer.Option(min=0, max=100, help="So often the sentinel is stopped for a second.")] = 3,
    flood: Annotated[int, typer.Option(min=0, help="Garbage beside that, datagrams a second.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides which of them fall silent.")] = 1,
    output: OutputOption = Output.TEXT,
) -> None:
    """Beats of 1,000 hypervisors against one sentinel's receiver and verdicts, and what one core can verify.

    Exit code 1 when a hypervisor that was not silent was suspected, or a silent one was not.
    """
    from nfvi_ha.lab.bench.beats import BeatsOptions
    from nfvi_ha.lab.bench.report import show_beats
    from nfvi_ha.lab.session import bench_receiver

    options = BeatsOptions(nodes, seconds, min(silent, nodes), stops, seed, flood)
    result = run_awaited(lambda: bench_receiver(options, sys.stderr))
    if output is Output.JSON:
        print_json(result)
    else:
        show_beats(result)
    if not result["passed"]:
        raise typer.Exit(1)


@bench.command()
def fuzz(
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many datagrams.")] = 200_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same datagrams.")] = 1,
    output: OutputOption = Output.TEXT,
) -> None:
    """True, forged, spoiled and played back datagrams into a sentinel's receiver: only what is true and new may count.

    Exit code 1 at the first datagram that changed something and must not, or the other way round.
    """
    from nfvi_ha.lab.bench.fuzz import FuzzOptions
    from nfvi_ha.lab.bench.report import show_fuzz
    from nfvi_ha.lab.session import bench_fuzz

    result = run_awaited(lambda: bench_fuzz(FuzzOptions(count, seed), sys.stderr))
    if output is Output.JSON:
        print_json(result)
    else:
        show_fuzz(result)
