"""``nfvi-ha sentinel``: run a sentinel."""

import asyncio
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

import typer

from nfvi_ha.logs import LogFormat, set_up


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(
        help="The sentinel: judges hypervisors by their beats and tells the VIM first.", no_args_is_help=True
    )
    app.callback()(lambda: None)
    app.command("run")(run)
    return app


def _address(text: str) -> tuple[str, str]:
    """Network and our address on it. Of a CIDR it is the one with which this host would speak to others in it."""
    from nfvi_ha.agent.beat.port import resolve

    name, _, address = text.partition("=")
    try:
        return name, resolve(str(ip_network(address, strict=False) if "/" in address else ip_address(address)))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not like mgmt=192.0.2.1 or mgmt=192.0.2.0/24") from error
    except OSError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from error


def _peer(text: str) -> tuple[int, str, tuple[str, int]]:
    match = re.fullmatch(r"([0-2])/([^=]+)=\[?([0-9a-fA-F.:]+)\]?:(\d{1,5})", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not like 1/mgmt=192.0.2.2:7946")
    _, address = _address(f"{match[2]}={match[3]}")
    return int(match[1]), match[2], (address, int(match[4]))


def seat_of(identity: str) -> int:
    """The seat of a StatefulSet's Pod: its ordinal.

    Raises:
        typer.BadParameter: the name ends with no 0, 1 or 2.
    """
    match = re.fullmatch(r".*-([0-2])", identity)
    if match is None:
        raise typer.BadParameter(f"no --seat, and the Pod's name {identity!r} does not end with -0, -1 or -2")
    return int(match[1])


def run(
    address: Annotated[
        list[str],
        typer.Option(help="Network and our address on it, or the CIDR it is in: mgmt=192.0.2.1; once each, in order."),
    ],
    state_dir: Annotated[Path, typer.Option(help="Cache and spool; must survive a restart.", envvar="NFVI_HA_STATE")],
    seat: Annotated[int | None, typer.Option(help="0, 1 or 2; default: the Pod's ordinal.", min=0, max=2)] = None,
    port: Annotated[int, typer.Option(help="UDP port for beats, on every network; 0 takes free ones.")] = 7946,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="A fixed place of another seat, like 1/mgmt=192.0.2.2:7946; default: the feed says it."),
    ] = None,
    cluster: Annotated[str, typer.Option(help="Name of this NFVI; default: as the feed says.")] = "",
    namespace: Annotated[str, typer.Option(help="Our own namespace.", envvar="POD_NAMESPACE")] = "nfvi-ha-system",
    identity: Annotated[str, typer.Option(help="Name of our Pod.", envvar="POD_NAME")] = "",
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig of the scribe.", exists=True)] = None,
    scribe: Annotated[
        bool, typer.Option(help="Run the scribe. Without, all that is known of the cluster is the cache file.")
    ] = True,
    operator_replicas: Annotated[int, typer.Option(help="Replicas of the operator that are expected.", min=0)] = 2,
    host: Annotated[str, typer.Option(help="Address of probes and metrics.")] = "0.0.0.0",  # noqa: S104 - in a pod
    metrics_port: Annotated[int, typer.Option(help="Port of /livez, /readyz and /metrics; 0 takes a free one.")] = 8081,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the ports into this file: UDP of each network, then HTTP.")
    ] = None,
    real_time: Annotated[bool, typer.Option(help="Ask for real-time scheduling (CAP_SYS_NICE).")] = True,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[LogFormat, typer.Option(help="How log lines look.")] = LogFormat.JSON,
) -> None:
    """Run one seat until SIGTERM. Three make a quorum: two that agree."""
    from nfvi_ha.core.wire.errors import OutOfRange
    from nfvi_ha.sentinel.run import run_sentinel
    from nfvi_ha.sentinel.settings import SentinelSettings

    set_up(log_level, log_format)
    places: dict[int, dict[str, Any]] = {}
    for number, network, place in map(_peer, peer or ()):
        places.setdefault(number, {})[network] = place
    settings = SentinelSettings(
        seat=seat_of(identity) if seat is None else seat,
        state_dir=state_dir,
        addresses=dict(map(_address, address)),
        port=port,
        cluster=cluster,
        seats=places,
        namespace=namespace,
        identity=identity,
        host=host,
        metrics_port=metrics_port,
        port_file=port_file,
        kubeconfig=str(kubeconfig) if kubeconfig else None,
        with_scribe=scribe,
        operator_replicas=operator_replicas,
        real_time=real_time,
        log_level=log_level,
        log_format=log_format.value,
    )
    try:
        asyncio.run(run_sentinel(settings))
    except (OSError, OutOfRange) as error:
        typer.echo(f"nfvi-ha sentinel: {error}", err=True)
        raise typer.Exit(1) from error
