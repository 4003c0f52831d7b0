"""``nfvi-ha agent``: run the agent of this hypervisor."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from nfvi_ha.logs import LogFormat

CONFIG_FILE: Final = "agent.json"
_NETWORK: Final = re.compile(r"(?P<name>[^=/]+)=\[?(?P<bind>[^\]]+?)\]?(:(?P<port>\d+))?")
_SENTINEL: Final = re.compile(r"(?P<seat>\d)/(?P<network>[^=/]+)=\[?(?P<address>[^\]]+?)\]?(:(?P<port>\d+))?")
_IPV6_IN_BRACKETS: Final = re.compile(r"=([^\[]*:[^\[]*:)")


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(
        help="The agent: beats to the sentinels, and tells them what is broken here.", no_args_is_help=True
    )
    app.callback()(lambda: None)
    app.command("run")(run)
    return app


def run(
    config: Annotated[
        Path | None, typer.Option(help="Settings as JSON or YAML; options given beside it win.", exists=True)
    ] = None,
    node: Annotated[str | None, typer.Option(help="Name of this node.", envvar="NODE_NAME")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Name of this NFVI, as the sentinels have it; default: as the key service says.")
    ] = None,
    namespace: Annotated[str | None, typer.Option(help="Namespace of the sentinels.", envvar="POD_NAMESPACE")] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(help="name=address[:port] or name=cidr[:port], IPv6 in brackets; in the sentinels' order."),
    ] = None,
    sentinel: Annotated[
        list[str] | None,
        typer.Option(help="seat/network=address[:port]; without any, they are discovered by their pods."),
    ] = None,
    key_service: Annotated[
        str | None, typer.Option(help="URL that hands out this node's keys, https://.../v1/node-key.")
    ] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Keys, spool, caches; survives a restart.")] = None,
    boot_id: Annotated[str | None, typer.Option(help="Instead of the one in procfs.")] = None,
    procfs_root: Annotated[Path | None, typer.Option(help="Where the host's /proc is.")] = None,
    sysfs_root: Annotated[Path | None, typer.Option(help="Where the host's /sys is.")] = None,
    cgroup_root: Annotated[Path | None, typer.Option(help="Where the host's cgroups are.")] = None,
    kubeconfig: Annotated[Path | None, typer.Option(help="Kubeconfig; in a pod it is not needed.", exists=True)] = None,
    host: Annotated[str | None, typer.Option(help="Address of probes and metrics.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of /livez, /readyz and /metrics, 8081; 0 takes a free one.")
    ] = None,
    port_file: Annotated[Path | None, typer.Option(help="Write that port into this file.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[LogFormat | None, typer.Option(help="How log lines look.")] = None,
) -> None:
    """Run the agent until SIGTERM. It takes the place of this process."""
    from nfvi_ha.agent import cache
    from nfvi_ha.agent.settings import SettingsError, check

    given: dict[str, Any] = {
        "node": node,
        "cluster": cluster,
        "namespace": namespace,
        "networks": [_parsed(_NETWORK, text, "--network") for text in network or ()] or None,
        "sentinels": [_parsed(_SENTINEL, text, "--sentinel") for text in sentinel or ()] or None,
        "keyService": {"url": key_service} if key_service else None,
        "stateDir": state_dir,
        "bootId": boot_id,
        "procfsRoot": procfs_root,
        "sysfsRoot": sysfs_root,
        "cgroupRoot": cgroup_root,
        "kubeconfig": kubeconfig,
        "host": host,
        "port": port,
        "portFile": port_file,
        "logLevel": log_level,
        "logFormat": log_format.value if log_format else None,
    }
    try:
        raw = _read(config) if config else {}
        raw |= {name: value for name, value in given.items() if value is not None}
        effective = check(raw, str(config or "options")).config()
        effective.state_dir.mkdir(parents=True, exist_ok=True)
        path = effective.state_dir / CONFIG_FILE
        cache.write(path, effective.to_json())
    except (SettingsError, OSError) as error:
        typer.echo(f"nfvi-ha agent: {error}", err=True)
        raise typer.Exit(1) from error
    os.execv(sys.executable, [sys.executable, "-m", "nfvi_ha.agent.beat", str(path)])  # noqa: S606 - our own


def _parsed(pattern: re.Pattern[str], text: str, option: str) -> dict[str, Any]:
    """The named parts that are there; what they hold is checked with all other settings."""
    match = pattern.fullmatch(text)
    if match is None or _IPV6_IN_BRACKETS.search(text):
        raise typer.BadParameter(f"{text!r}; see --help (IPv6 addresses in brackets)", param_hint=option)
    return {name: value for name, value in match.groupdict().items() if value is not None}


def _read(path: Path) -> dict[str, Any]:
    """A JSON or YAML file (JSON is YAML).

    Raises:
        SettingsError: it is neither, or no mapping.
        OSError: it cannot be read.
    """
    from nfvi_ha.agent.settings import SettingsError

    try:
        raw = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: a {type(raw).__name__}, not a mapping of settings")
    return raw
