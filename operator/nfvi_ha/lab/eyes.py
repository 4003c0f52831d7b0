"""What watches in a lab: the keys, the agents of hypervisors, and the sentinels."""

import base64
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from nfvi_ha.core.key_material import KEY_BYTES, SECRET_NAME, VOTE_ENTRY
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import SECRETS
from nfvi_ha.lab.agents import CLUSTER, KEY_ID, AgentPlan
from nfvi_ha.lab.daemons import standins
from nfvi_ha.lab.hypervisor.service import Service
from nfvi_ha.lab.network.client import Network
from nfvi_ha.lab.network.plan import SENTINEL_PORT, Host, Mode
from nfvi_ha.lab.operators import SYSTEM_NAMESPACE
from nfvi_ha.lab.sentinels import PORT_FILE, STATE, Sentinels
from nfvi_ha.lab.site import Boot, Site

VIM_PORT: Final = 8080
"""Where hosts find the VIM on the management network."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of beats and votes."""

    master: bytes = field(repr=False)
    vote: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Random ones."""
        return cls(secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES))

    async def install(self, client: KubeClient) -> None:
        """Put them into the Secret that sentinels read; the operator's namespace must be there.

        Raises:
            KubeError: the API server refused it.
        """
        entries = {f"master-{KEY_ID}": self.master, VOTE_ENTRY: self.vote}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": SECRET_NAME},
            "data": {name: base64.b64encode(value).decode() for name, value in entries.items()},
        }
        await client.create(SECRETS, secret, SYSTEM_NAMESPACE)


def watched_site(
    network: Network, hosts: Sequence[Host], kubeconfig: Path | None, keys: Keys | None, sentinels: int
) -> Site:
    """Hypervisors with their daemons; with keys also with agents that beat to so many sentinels."""
    known: Mapping[str, Host] = {item.name: item for item in hosts}
    plan = AgentPlan(network.mode, sentinels, keys.master, kubeconfig) if keys is not None else None

    def services(boot: Boot) -> Sequence[Service]:
        agent = [plan.service(boot, known[boot.node])] if plan is not None else []
        return [*standins(boot, network.mode), *agent]

    return Site(network, known, kubeconfig, agents=plan is not None, services=services)


async def sentinels_of(
    directory: Path, network: Network, count: int, vim_port: int, kubeconfig: Path | None, operators: int
) -> Sentinels:
    """The sentinels, each on a host of its own, not yet started.

    The VIM's address is the same for them and for the operator, which runs on the machine itself: its port on the
    loopback of each of their hosts leads there by way of the management network.

    Args:
        directory: of their states and logs.
        network: with a host for each of them.
        count: up to three.
        vim_port: of the VIM on the machine's loopback.
        kubeconfig: for their scribes; None: they run without, by their cache alone.
        operators: replicas of the operator that they expect.

    Raises:
        ControlFailed: a relay's port is taken.
    """
    vim = await network.relay_to_machine(VIM_PORT, vim_port)
    commands = {}
    for seat in range(count):
        host = Host.sentinel(seat)
        await network.relay_on_loopback(host.name, vim_port, vim)
        own = directory / host.name
        scribe = ["--no-scribe"] if kubeconfig is None else ["--kubeconfig", str(kubeconfig)]
        argv = [
            sys.executable, "-m", "nfvi_ha", "sentinel", "run",
            "--seat", str(seat),
            *(word for name, at in host.addresses(network.mode).items() for word in ("--address", f"{name}={at}")),
            *(word for peer in _peers(seat, count, network.mode) for word in ("--peer", peer)),
            "--port", str(SENTINEL_PORT),
            "--state-dir", str(own / STATE),
            "--cluster", CLUSTER,
            "--namespace", SYSTEM_NAMESPACE,
            "--operator-replicas", str(operators),
            "--host", host.addresses(network.mode)["mgmt"],
            "--metrics-port", "0",
            "--port-file", str(own / PORT_FILE),
            "--log-format", "text",
            *scribe,
        ]  # fmt: skip
        commands[seat] = network.command(host.name, argv)
    return Sentinels(directory, commands)


def _peers(seat: int, count: int, mode: Mode) -> list[str]:
    return [
        f"{other}/{name}={address}:{SENTINEL_PORT}"
        for other in range(count)
        if other != seat
        for name, address in Host.sentinel(other).addresses(mode).items()
    ]
