"""``nfvi-ha lab``: an NFVI on this machine, the faults on it, and what they led to.

Only what the command line itself needs is imported here; the rest costs a second that other commands need not pay.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from nfvi_ha.lab.bench_commands import bench
from nfvi_ha.lab.invoke import OperatorCount, Output, OutputOption, print_json, run_awaited

app: Final = typer.Typer(
    help="An NFVI without a data centre: a real control plane, simulated hypervisors, real processes, real faults.",
    no_args_is_help=True,
)

app.add_typer(bench, name="bench")


StateDir = Annotated[
    Path | None,
    typer.Option(help="Where the lab of `lab up` lives; default $XDG_STATE_HOME/nfvi-ha/lab or ~/.local/state/..."),
]
Hypervisors = Annotated[int, typer.Option(min=1, max=50, help="Simulated hypervisors.")]
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
    found = run_awaited(lambda: session.up(_directory(state_dir), options, sys.stderr))
    if output is Output.JSON:
        print_json({"kubeconfig": str(found.kubeconfig), "kubernetes": found.kubernetes, "vim": found.vim_url})
    else:
        typer.echo(f"The lab is up: Kubernetes {found.kubernetes}, {found.options.hypervisors} hypervisors.")
        typer.echo(f"  export KUBECONFIG={found.kubeconfig}")
        typer.echo(f"  logs: {found.state_dir}")


@app.command()
def down(state_dir: StateDir = None, output: OutputOption = Output.TEXT) -> None:
    """End the lab of `lab up`, with all its processes; its logs stay."""
    from nfvi_ha.lab import session

    stopped = run_awaited(lambda: session.down(_directory(state_dir)))
    if output is Output.JSON:
        print_json({"stopped": stopped})
    else:
        typer.echo("The lab is down." if stopped else "No lab was up.")


@app.command()
def status(state_dir: StateDir = None, output: OutputOption = Output.TEXT) -> None:
    """Say whether a lab is up, and what runs in it. Exit code 3 when none is."""
    from nfvi_ha.lab import session

    state = run_awaited(lambda: session.status(_directory(state_dir)))
    if output is Output.JSON:
        print_json(state)
    else:
        for name, value in state.items():
            typer.echo(f"{name}: {value}")
    if state["state"] != "Running":
        raise typer.Exit(3)


@app.command()
def kubeconfig(state_dir: StateDir = None) -> None:
    """Print the path of the kubeconfig of the lab that is up."""
    from nfvi_ha.lab import session

    typer.echo(str(run_awaited(lambda: session.access(_directory(state_dir))).kubeconfig))


@app.command()
def scenarios(output: OutputOption = Output.TEXT) -> None:
    """List the scenarios that `lab run` knows."""
    from nfvi_ha.lab.scenarios import SCENARIOS

    if output is Output.JSON:
        print_json({name: {"summary": item.summary, "detection": item.detection} for name, item in SCENARIOS.items()})
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
    result = run_awaited(lambda: session.run(directory, lab, SCENARIOS[scenario], options, sys.stderr))
    if output is Output.JSON:
        print_json(result)
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

    result = run_awaited(lambda: run_soak(SoakOptions(minutes, hypervisors, burn, seed), sys.stderr))
    if output is Output.JSON:
        print_json(result)
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

    run_awaited(lambda: run_demo(LabOptions(hypervisors=hypervisors, agents=agents), replicas))


def _directory(state_dir: Path | None) -> Path:
    from nfvi_ha.lab.controlplane.session import default_state_dir

    return (state_dir or default_state_dir()).resolve()
