"""Faults on whole hosts, their networks and our own processes. Each is stamped just before it is made."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nfvi_ha.lab import control
from nfvi_ha.lab.agents import AGENT, PORT_FILE, set_goodbye
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.hypervisor.service import identity_file
from nfvi_ha.lab.network.client import ALL_LINKS, Network
from nfvi_ha.lab.network.plan import BEAT_NETWORKS, Link, Mode
from nfvi_ha.lab.nfvi import Hosts
from nfvi_ha.lab.processfile import PROCESS, hold, read_identity, release, signal_group, signal_process

GONE_SECONDS: Final = 30.0
REBOOT_SECONDS: Final = 300
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class HostFaults:
    """The faults on the hosts of one lab."""

    root: Path
    """The lab's state directory."""
    hosts: Hosts
    network: Network | None

    async def power_off(self, node: str) -> Injection:
        """All links down, then SIGKILL to everything on it; the fault begins with the links.

        In a lab without links its kernel goes on answering for it.

        Raises:
            LabFailed: it does not run.
            ControlFailed: its links could not be cut.
        """
        at = time.monotonic_ns()
        if self._links is not None:
            at = await self._links.set_links([node], up=False)
        await self._kill(node)
        return Injection.now("hypervisor-off", node, at)

    async def power_on(self, node: str) -> Injection:
        """Links up, and another boot.

        Raises:
            ControlFailed: it runs already.
        """
        at = time.monotonic_ns()
        if self._links is not None:
            await self._links.set_links([node], up=True)
        await control.ask(self.root, {"do": "power-on", "node": node})
        return Injection.now("hypervisor-on", node, at)

    async def shut_down(self, node: str, seconds: int = REBOOT_SECONDS) -> Injection:
        """As planned: the agent says goodbye for a reboot of so many seconds, then the hypervisor goes down.

        The stand-in for what tells an agent that its host is going down is its configuration, so it is started once
        more with another one first.

        Raises:
            LabFailed: its agent does not run, or does not come back.
        """
        set_goodbye(self.hosts.directory(node), "reboot", seconds)
        await self._restart_agent(node)
        self.hold_service(node, AGENT)
        said = self.signal_service(node, AGENT, signal.SIGTERM)
        await self._agent_ended(node)
        await self.power_off(node)
        self.release_service(node, AGENT)
        return Injection.now("shut-down", node, said.at)

    async def kill_userspace(self, node: str) -> Injection:
        """SIGKILL to everything on it, links up: a kernel is left that answers pings and refuses connections.

        Raises:
            LabFailed: it does not run.
        """
        at = time.monotonic_ns()
        await self._kill(node)
        return Injection.now("userspace-lost", node, at)

    def hang(self, node: str) -> Injection:
        """SIGSTOP to everything on it: its kernel still accepts connections for programs that never answer.

        Raises:
            LabFailed: it does not run.
        """
        at = time.monotonic_ns()
        signal_group(self.hosts.directory(node) / PROCESS, signal.SIGSTOP)
        return Injection.now("hypervisor-hung", node, at)

    def unhang(self, node: str) -> None:
        """SIGCONT after ``hang``.

        Raises:
            LabFailed: it does not run.
        """
        signal_group(self.hosts.directory(node) / PROCESS, signal.SIGCONT)

    def signal_service(self, node: str, service: str, number: signal.Signals) -> Injection:
        """SIGKILL, SIGSTOP, SIGCONT or SIGTERM a daemon of a node: "agent" (its beat process), "kubelet", "sshd".

        Raises:
            LabFailed: it does not run.
        """
        at = time.monotonic_ns()
        signal_process(identity_file(self.hosts.directory(node), service), number)
        return Injection.now(f"{service}-{number.name.lower()}", node, at)

    def hold_service(self, node: str, service: str) -> None:
        """Once ended, it is not started again until ``release_service``."""
        hold(identity_file(self.hosts.directory(node), service))

    def release_service(self, node: str, service: str) -> None:
        """Let it be started again."""
        release(identity_file(self.hosts.directory(node), service))

    async def cut(self, hosts: Sequence[str], networks: Iterable[str] = BEAT_NETWORKS) -> Injection:
        """Pull the cables of hosts out of networks.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        at = await self._needed.set_links(hosts, _links_of(networks), up=False)
        return Injection.now("network-cut", ",".join(hosts), at)

    async def mend(self, hosts: Sequence[str], networks: Iterable[str] = BEAT_NETWORKS) -> None:
        """Plug them in again.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        await self._needed.set_links(hosts, _links_of(networks), up=True)

    async def set_link(self, node: str, link: Link, *, up: bool) -> Injection:
        """Pull out one cable of a hypervisor, or plug it in again.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        at = await self._needed.set_links([node], [link.name], up=up)
        return Injection.now("link-up" if up else "link-down", node, at)

    async def cut_all(self, host: str, *, up: bool = False) -> Injection:
        """Pull out all cables of a host, or plug them in again.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        return Injection.now("isolated", host, await self._needed.set_links([host], ALL_LINKS, up=up))

    async def cut_racks(self, hosts: Sequence[str]) -> Injection:
        """Pull out all cables of several hosts, as when their rack's switches die; everything on them runs on.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        return Injection.now("rack-cut", ",".join(hosts), await self._needed.set_links(hosts, up=False))

    async def mend_racks(self, hosts: Sequence[str]) -> Injection:
        """Plug them in again.

        Raises:
            ControlFailed: hosts of this lab have no links.
        """
        return Injection.now("rack-mended", ",".join(hosts), await self._needed.set_links(hosts, up=True))

    async def lose(self, hosts: Sequence[str], share: float) -> Injection:
        """Lose a share of all packets of hosts, at random; 0 ends it.

        Raises:
            ControlFailed: hosts of this lab have no links, or the kernel knows no XDP.
        """
        return Injection.now("packet-loss", ",".join(hosts), await self._needed.set_loss(hosts, share))

    async def apiserver(self, *, up: bool) -> Injection:
        """Stop or start the API server.

        Raises:
            ControlFailed: the lab did not do it.
        """
        at = time.monotonic_ns()
        request = {"do": "apiserver", "up": up}
        await control.ask(self.root, request, timeout_seconds=60.0)
        return Injection.now("apiserver-on" if up else "apiserver-off", "kube-apiserver", at)

    @property
    def _links(self) -> Network | None:
        return self.network if self.network is not None and self.network.mode is Mode.NAMESPACES else None

    @property
    def _needed(self) -> Network:
        if self._links is None:
            raise LabFailed("hosts of this lab have no links that could be cut: it has no network namespaces")
        return self._links

    async def _restart_agent(self, node: str) -> None:
        """Stop the agent and wait for its successor."""
        directory = self.hosts.directory(node)
        identity, port = identity_file(directory, AGENT), directory / AGENT / PORT_FILE
        old = read_identity(identity)
        self.signal_service(node, AGENT, signal.SIGTERM)
        await self._agent_ended(node)
        port.unlink(missing_ok=True)
        # Its port is written once it serves; by then it beats.
        await _until(lambda: port.exists() and read_identity(identity) != old, f"another agent of {node}")

    async def _agent_ended(self, node: str) -> None:
        identity = read_identity(identity_file(self.hosts.directory(node), AGENT))
        await _until(lambda: identity is None or not identity.alive(), f"the end of the agent of {node}")

    async def _kill(self, node: str) -> None:
        path = self.hosts.directory(node) / PROCESS
        identity = read_identity(path)
        signal_group(path, signal.SIGKILL)
        await _until(lambda: identity is None or not identity.alive(), f"the end of {node}")


async def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise LabFailed(f"not within {GONE_SECONDS:.0f} s: {what}")
        await asyncio.sleep(POLL_SECONDS)


def _links_of(networks: Iterable[str]) -> list[str]:
    return [BEAT_NETWORKS[name].name for name in networks]
