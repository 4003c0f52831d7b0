"""``nfvi-ha lab``: an NFVI on this machine, the faults on it, and what they led to.

Only what the command line itself needs is imported here; the rest costs a second that other commands need not pay.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import orjson
import typer

T = TypeVar("T")

app: Final = typer.Typer(
    help="An NFVI without a data centre: a real control plane, simulated hypervisors, real processes, real faults.",
    no_args_is_help=True,
)

bench: Final = typer.Typer(help="Measurements of the operator itself, each in a lab of its own.", no_args_is_help=True)
app.add_typer(bench, name="bench")


class Output(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


StateDir = Annotated[
    Path | None,
    typer.Option(help="Where the lab of `lab up` lives; default $XDG_STATE_HOME/nfvi-ha/lab or ~/.local/state/..."),
]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="text, or one JSON object.")]
Hypervisors = Annotated[int, typer.Option(min=1, max=50, help="Simulated hypervisors.")]
OperatorCount = Annotated[int, typer.Option("--operators", min=1, max=5, help="Replicas of the operator.")]
SentinelCount = Annotated[int, typer.Option("--sentinels", min=0, max=3, help="Sentinels, each on a host of its own.")]
Agents = Annotated[
    bool, typer.Option("--agents/--no-agents", help="Without agents there are no sentinels, and the API alone tells.")
]


class NetworkKind(StrEnum):
    """How hypervisors are kept apart."""

    AUTO = "auto"
    NAMESPACES = "namespaces"
    LOOPBACK = "loopback"


NetworkOption = Annotated[
    NetworkKind,
    typer.Option("--network", help="A network namespace per host, where that is permitted, or the loopback for all."),
]


@app.command()
def up(
    hypervisors: Hypervisors = 4,
    operators: OperatorCount = 1,
    sentinels: SentinelCount = 3,
    agents: Agents = True,
    network: NetworkOption = NetworkKind.AUTO,
    state_dir: StateDir = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start a lab that goes on in the background: control plane, CRDs, hypervisors, VIM receiver, operator.

    The first time a control plane may have to be built, which takes minutes and is shown.
    """
    from nfvi_ha.lab import session
    from nfvi_ha.lab.network.plan import Mode
    from nfvi_ha.lab.world import LabOptions

    mode = None if network is NetworkKind.AUTO else Mode(network)
    options = LabOptions(hypervisors=hypervisors, operators=operators, sentinels=sentinels, agents=agents, network=mode)
    found = _run(lambda: session.up(_directory(state_dir), options, sys.stderr))
    if output is Output.JSON:
        _print_json({"kubeconfig": str(found.kubeconfig), "kubernetes": found.kubernetes, "vim": found.vim_url})
    else:
        typer.echo(f"The lab is up: Kubernetes {found.kubernetes}, {found.options.hypervisors} hypervisors.")
        typer.echo(f"  export KUBECONFIG={found.kubeconfig}")
        typer.echo(f"  logs: {found.state_dir}")


@app.command()
def down(state_dir: StateDir = None, output: OutputOption = Output.TEXT) -> None:
    """End the lab of `lab up`, with all its processes; its logs stay."""
    from nfvi_ha.lab import session

    stopped = _run(lambda: session.down(_directory(state_dir)))
    if output is Output.JSON:
        _print_json({"stopped": stopped})
    else:
        typer.echo("The lab is down." if stopped else "No lab was up.")


@app.command()
def status(state_dir: StateDir = None, output: OutputOption = Output.TEXT) -> None:
    """Say whether a lab is up, and what runs in it. Exit code 3 when none is."""
    from nfvi_ha.lab import session

    state = _run(lambda: session.status(_directory(state_dir)))
    if output is Output.JSON:
        _print_json(state)
    else:
        for name, value in state.items():
            typer.echo(f"{name}: {value}")
    if state["state"] != "Running":
        raise typer.Exit(3)


@app.command()
def kubeconfig(state_dir: StateDir = None) -> None:
    """Print the path of the kubeconfig of the lab that is up."""
    from nfvi_ha.lab import session

    typer.echo(str(_run(lambda: session.access(_directory(state_dir))).kubeconfig))


@app.command()
def scenarios(output: OutputOption = Output.TEXT) -> None:
    """List the scenarios that `lab run` knows."""
    from nfvi_ha.lab.scenarios import SCENARIOS

    if output is Output.JSON:
        _print_json({name: {"summary": item.summary, "detection": item.detection} for name, item in SCENARIOS.items()})
    else:
        for name, item in SCENARIOS.items():
            typer.echo(f"{name:24} {item.summary}")


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="Its name; see `nfvi-ha lab scenarios`.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=100_000, help="How many faults, one by one.")] = 20,
    replicas: Annotated[int, typer.Option(min=1, max=256, help="VMs of the VNF that the faults are made on.")] = 5,
    vms: Annotated[
        int | None,
        typer.Option(min=1, max=250, help="For faults on a host: so many VMs on it and none elsewhere."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which VMs are hit.")] = 1,
    kill_leader: Annotated[
        bool, typer.Option("--kill-leader", help="Also SIGKILL the leading operator just before each fault.")
    ] = False,
    kill_sentinel: Annotated[
        bool, typer.Option("--kill-sentinel", help="Also SIGKILL a sentinel just before each fault.")
    ] = False,
    hypervisors: Annotated[
        int | None,
        typer.Option(min=1, max=50, help="Simulated hypervisors; default: as the scenario needs, 4."),
    ] = None,
    operators: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Replicas of the operator; default: as many as the scenario needs, 1."),
    ] = None,
    agents: Agents = True,
    state_dir: StateDir = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make a fault n times and measure what follows: told to the VIM, replacement created, replacement Ready.

    Uses the lab that is up (its size then counts), else starts one of its own and ends it. With -o json stdout is one
    JSON object; progress goes to stderr. Exit code 1 when something that must follow did not.
    """
    from nfvi_ha.lab import session
    from nfvi_ha.lab.play import RunOptions
    from nfvi_ha.lab.report import show_result
    from nfvi_ha.lab.runner import lab_for
    from nfvi_ha.lab.scenarios import SCENARIOS

    if scenario not in SCENARIOS:
        raise typer.BadParameter(f"no scenario {scenario!r}; there are: {', '.join(SCENARIOS)}", param_hint="SCENARIO")
    options = RunOptions(
        count, replicas=replicas, vms=vms, seed=seed, kill_leader=kill_leader, kill_sentinel=kill_sentinel
    )
    lab = lab_for(SCENARIOS[scenario], options, hypervisors=hypervisors, operators=operators, agents=agents)
    directory = _directory(state_dir)
    result = _run(lambda: session.run(directory, lab, SCENARIOS[scenario], options, sys.stderr))
    if output is Output.JSON:
        _print_json(result)
    else:
        show_result(result)


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(min=0.1, max=10_000.0, help="How long.")] = 3.0,
    hypervisors: Annotated[int, typer.Option(min=1, max=50, help="Hypervisors that only beat.")] = 20,
    burn: Annotated[int, typer.Option(min=0, max=64, help="Processes that use up the processors beside them.")] = 2,
    seed: Annotated[int, typer.Option(help="Decides who is stopped when.")] = 1,
    output: OutputOption = Output.TEXT,
) -> None:
    """Look for false alarms: 1 % packet loss, bursts, processes stopped for a second, processors saturated.

    At the end a hypervisor is switched off, and that must be told. Exit code 1 when any other was told as failed.
    """
    from nfvi_ha.lab.report import show_soak
    from nfvi_ha.lab.session import soak as run_soak
    from nfvi_ha.lab.soak import SoakOptions

    result = _run(lambda: run_soak(SoakOptions(minutes, hypervisors, burn, seed), sys.stderr))
    if output is Output.JSON:
        _print_json(result)
    else:
        show_soak(result)
    if not result["passed"]:
        raise typer.Exit(1)


@app.command()
def demo(
    hypervisors: Hypervisors = 4,
    replicas: Annotated[int, typer.Option(min=1, max=50, help="VMs of the VNF.")] = 5,
    agents: Agents = True,
) -> None:
    """Show it all once: a lab comes up, a VM is killed, the VIM is told, the replacement becomes Ready."""
    from nfvi_ha.lab.demo import run_demo
    from nfvi_ha.lab.world import LabOptions

    _run(lambda: run_demo(LabOptions(hypervisors=hypervisors, agents=agents), replicas))


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
    result = _run(lambda: bench_burst(options, sys.stderr))
    if output is Output.JSON:
        _print_json(result)
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
    result = _run(lambda: bench_receiver(options, sys.stderr))
    if output is Output.JSON:
        _print_json(result)
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

    result = _run(lambda: bench_fuzz(FuzzOptions(count, seed), sys.stderr))
    if output is Output.JSON:
        _print_json(result)
    else:
        show_fuzz(result)


def _directory(state_dir: Path | None) -> Path:
    from nfvi_ha.lab.controlplane.session import default_state_dir

    return (state_dir or default_state_dir()).resolve()


def _run(work: Callable[[], Awaitable[T]]) -> T:
    """Run it; what went wrong is one message on stderr and exit code 1."""
    from nfvi_ha.kube.errors import KubeError
    from nfvi_ha.lab.control import ControlFailed
    from nfvi_ha.lab.controlplane.errors import ControlPlaneError
    from nfvi_ha.lab.errors import LabFailed

    async def awaited() -> T:
        task = asyncio.ensure_future(work())
        # As Ctrl-C does it by itself: what was started is ended and removed before this process ends.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(awaited())
    except (LabFailed, ControlFailed, ControlPlaneError, KubeError, OSError) as error:
        typer.echo(f"nfvi-ha lab: {error}", err=True)
        raise typer.Exit(1) from error
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        typer.echo("nfvi-ha lab: interrupted", err=True)
        raise typer.Exit(130) from error


def _print_json(value: Any) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
