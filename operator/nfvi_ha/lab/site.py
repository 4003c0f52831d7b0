"""Where hypervisors stand: their network, their way to the API server, and the daemons that run on each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nfvi_ha.lab.hypervisor.service import Service
from nfvi_ha.lab.network.client import Network
from nfvi_ha.lab.network.plan import MGMT, Host, Mode

SYSFS: Final = "sysfs"
"""Directory of a node in which its processes, and they alone, find a sysfs that shows its links."""
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Boot:
    """One boot of a hypervisor."""

    node: str
    directory: Path
    boot_id: str
    address: str
    """On the management network."""


def _no_services(_boot: Boot) -> Sequence[Service]:
    return ()


@dataclass(frozen=True, slots=True)
class Site:
    """Without a network all hypervisors share the machine's loopback, and nothing runs on them but kubelet and VMs."""

    network: Network | None = None
    hosts: Mapping[str, Host] = field(default_factory=dict)
    kubeconfig: Path | None = None
    """Of kubelets and virt-handlers; None: the lab's own."""
    agents: bool = False
    """Whether agents are among the services."""
    services: Callable[[Boot], Sequence[Service]] = _no_services

    @property
    def mode(self) -> Mode:
        """How hosts are kept apart."""
        return self.network.mode if self.network is not None else Mode.LOOPBACK

    def places(self, node: str) -> dict[str, str]:
        """Addresses of a node by network, if agents are to be found there."""
        host = self.hosts.get(node)
        return host.addresses(self.mode) if host is not None and self.agents else {}

    def address(self, node: str) -> str:
        """Of a node on the management network."""
        host = self.hosts.get(node)
        return MGMT.address(host.number, self.mode) if host is not None else LOOPBACK
