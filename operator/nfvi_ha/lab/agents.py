"""The agents of simulated hypervisors: their configuration, and the command that runs them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.lab.daemons import health_host
from nfvi_ha.lab.host_hardware import hardware_settings
from nfvi_ha.lab.hypervisor.service import Service
from nfvi_ha.lab.network import storage
from nfvi_ha.lab.network.plan import AGENT_PORT, MGMT, SENTINEL_PORT, STORAGE_A, STORAGE_B, Host, Mode
from nfvi_ha.lab.site import SYSFS, Boot

AGENT: Final = "agent"
CLUSTER: Final = "lab"
KEY_ID: Final = "1"
RESTART_SECONDS: Final = 2.0
"""Of a container that ended for the first time: pull policy, sandbox and start (assumed)."""
CONFIG_FILE: Final = "config.json"
PORT_FILE: Final = "port"


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """What all agents of a lab have in common."""

    mode: Mode
    sentinels: int
    master: bytes
    """Key that the nodes' keys are made from."""
    kubeconfig: Path | None
    """None: agents do without the API."""

    def service(self, boot: Boot, host: Host) -> Service:
        """The agent of one boot of a hypervisor; writes its settings."""
        directory = boot.directory / AGENT
        (directory / "state").mkdir(parents=True, exist_ok=True)
        config = directory / CONFIG_FILE
        config.write_bytes(orjson.dumps(self._settings(boot, host, directory)))
        argv = [sys.executable, "-m", "nfvi_ha", "agent", "run", "--config", str(config)]
        return Service(AGENT, argv, restart_seconds=RESTART_SECONDS)

    def _settings(self, boot: Boot, host: Host, directory: Path) -> dict[str, Any]:
        networks = host.addresses(self.mode)
        settings = {
            "node": boot.node,
            "cluster": CLUSTER,
            "networks": [{"name": name, "bind": bind, "port": AGENT_PORT} for name, bind in networks.items()],
            "sentinels": sentinel_places(self.sentinels, self.mode),
            "keys": {KEY_ID: node_key(self.master, boot.node, int(KEY_ID)).hex()},
            "bootId": boot.boot_id,
            "stateDir": str(directory / "state"),
            "sysfsRoot": str(boot.directory / SYSFS) if self.mode is Mode.NAMESPACES else "/sys",
            "cgroupRoot": str(boot.directory),
            "host": boot.address,
            "port": 0,
            "portFile": str(directory / PORT_FILE),
            "logFormat": "text",
            # All hypervisors of a lab share one process table; each is a process group.
            "probes": {
                "process": {"scope": "group", "httpHost": health_host(boot, self.mode)},
                "link": self._links(),
                "hardware": hardware_settings(boot.directory),
            },
        }
        return settings if self.kubeconfig is None else {**settings, "kubeconfig": str(self.kubeconfig)}

    def _links(self) -> dict[str, Any]:
        """Settings of the link probe: veths are no adapters to it unless they are named."""
        if self.mode is Mode.LOOPBACK:
            return {"interfaces": []}
        members = [STORAGE_A.name, STORAGE_B.name]
        path = {"name": "storage", "interfaces": members, "targets": storage.TARGETS}
        return {"interfaces": [MGMT.name, *members], "storagePaths": [path]}


def sentinel_places(count: int, mode: Mode) -> Sequence[dict[str, Any]]:
    """Where the seats are, as an agent's configuration has it."""
    return [
        {"seat": seat, "network": network, "address": address, "port": SENTINEL_PORT}
        for seat in range(count)
        for network, address in Host.sentinel(seat).addresses(mode).items()
    ]


def set_goodbye(node_directory: Path, reason: str, seconds: int) -> None:
    """With its next start the agent of a node says this when it is stopped.

    Raises:
        OSError: no agent was ever started there.
    """
    config = node_directory / AGENT / CONFIG_FILE
    values = orjson.loads(config.read_bytes())
    config.write_bytes(orjson.dumps({**values, "goodbye": {"reason": reason, "seconds": seconds}}))
