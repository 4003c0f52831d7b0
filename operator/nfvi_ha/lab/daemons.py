"""The daemons that each hypervisor runs beside its kubelet: those that probes ask, and the agent."""

import sys
from collections.abc import Sequence
from typing import Final

from nfvi_ha.lab.hypervisor import daemon_standin
from nfvi_ha.lab.hypervisor.service import Service
from nfvi_ha.lab.network.plan import Mode
from nfvi_ha.lab.site import LOOPBACK, Boot

SSHD: Final = "sshd"
KUBELET: Final = "kubelet"
KUBELET_PORT: Final = 10250
HEALTHZ_PORT: Final = 10248


def ssh_port(mode: Mode) -> int:
    """Of sshd: the usual one where each host has its own kernel's worth of ports, else one that needs no privilege."""
    return 22 if mode is Mode.NAMESPACES else 10022


def tcp_ports(mode: Mode) -> list[int]:
    """Ports that are open on every hypervisor's management address."""
    return [ssh_port(mode), KUBELET_PORT]


def health_host(boot: Boot, mode: Mode) -> str:
    """Where its kubelet says whether it is well: on loopback, where each host has one of its own."""
    return LOOPBACK if mode is Mode.NAMESPACES else boot.address


def standins(boot: Boot, mode: Mode) -> Sequence[Service]:
    """The daemons sshd and kubelet, as far as somebody who connects can tell."""
    ssh = ["tcp", boot.address, str(ssh_port(mode))]
    kubelet = ["tcp", boot.address, str(KUBELET_PORT), "http", health_host(boot, mode), str(HEALTHZ_PORT)]
    return [_standin(SSHD, ssh), _standin(KUBELET, kubelet)]


def _standin(name: str, ports: Sequence[str]) -> Service:
    return Service(name, [sys.executable, "-I", "-S", str(daemon_standin.__file__), name, *ports])
