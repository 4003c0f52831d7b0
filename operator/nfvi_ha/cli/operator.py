"""``nfvi-ha operator``: run the operator."""

import asyncio
import socket
from pathlib import Path
from typing import Annotated

import typer

from nfvi_ha.api.duration import parse_duration
from nfvi_ha.core.retention import CLOSED_DEFAULT, Policy
from nfvi_ha.logs import LogFormat, set_up


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(
        help="The operator: keeps VNFs at their number of VMs and reports failures.", no_args_is_help=True
    )
    app.callback()(lambda: None)
    app.command("run")(run)
    return app


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def run(
    kubeconfig: Annotated[
        Path | None,
        typer.Option(help="Kubeconfig; in a pod, and without one, the usual places are searched.", exists=True),
    ] = None,
    namespace: Annotated[
        str, typer.Option(help="Our own namespace: Lease, credential Secrets.", envvar="POD_NAMESPACE")
    ] = "nfvi-ha-system",
    identity: Annotated[str, typer.Option(help="Name of this replica; the pod's name.", envvar="POD_NAME")] = "",
    cluster: Annotated[
        str, typer.Option(help="Name of this NFVI in notifications; default: the uid of namespace kube-system.")
    ] = "",
    host: Annotated[str, typer.Option(help="Address of probes and metrics.")] = "0.0.0.0",  # noqa: S104 - in a pod
    port: Annotated[int, typer.Option(help="Port of /livez, /readyz and /metrics; 0 takes a free one.")] = 8080,
    port_file: Annotated[Path | None, typer.Option(help="Write the port into this file.")] = None,
    replicas: Annotated[
        int, typer.Option(help="How many replicas there should be; one that is lost is reported. 0: unknown.", min=0)
    ] = 0,
    key_service_port: Annotated[
        int | None,
        typer.Option(help="Port that hands agents their keys over TLS; 0 takes a free one. Default: not served."),
    ] = None,
    key_service_port_file: Annotated[Path | None, typer.Option(help="Write that port into this file.")] = None,
    key_service_name: Annotated[
        list[str] | None,
        typer.Option(help="Host name or address of it, for a certificate that is made; may be given more than once."),
    ] = None,
    agent_service_account: Annotated[
        str, typer.Option(help="ServiceAccount of the agents, whose pods get keys.")
    ] = "nfvi-ha-agent",
    incident_ttl: Annotated[
        str, typer.Option(help='How long closed Incidents are kept, like "168h".', parser=_duration)
    ] = "168h",
    max_closed_incidents: Annotated[
        int, typer.Option(help="How many closed Incidents are kept; the oldest go first.", min=0)
    ] = CLOSED_DEFAULT,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[LogFormat, typer.Option(help="How log lines look.")] = LogFormat.JSON,
) -> None:
    """Run one replica until SIGTERM. Several may run: all report, the one with the Lease changes things."""
    # Imported late: kopf and the Kubernetes client cost a second, which other commands need not pay.
    from nfvi_ha.kube.errors import KubeConfigError
    from nfvi_ha.operator.run import run_operator
    from nfvi_ha.operator.settings import OperatorSettings

    set_up(log_level, log_format)
    settings = OperatorSettings(
        kubeconfig=str(kubeconfig) if kubeconfig else None,
        namespace=namespace,
        identity=identity or socket.gethostname(),
        cluster=cluster,
        host=host,
        port=port,
        port_file=str(port_file) if port_file else None,
        replicas=replicas,
        key_service_port=key_service_port,
        key_service_port_file=str(key_service_port_file) if key_service_port_file else None,
        key_service_names=tuple(key_service_name or ("localhost", "127.0.0.1")),
        agent_service_account=agent_service_account,
        retention=Policy(parse_duration(incident_ttl), max_closed_incidents),
    )
    try:
        asyncio.run(run_operator(settings))
    except (KubeConfigError, OSError) as error:
        typer.echo(f"nfvi-ha operator: {error}", err=True)
        raise typer.Exit(1) from error
