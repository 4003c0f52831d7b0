"""The lab's networks as the lab itself and commands on a running lab use them."""

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import orjson

from nfvi_ha.lab import control
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.network import enter
from nfvi_ha.lab.network.plan import LINKS, MGMT, RELAY_NUMBER, Host, Mode
from nfvi_ha.lab.network.process import READY_FILE
from nfvi_ha.lab.network.relay import Address

READY_SECONDS: Final = 30.0
LOSS_SECONDS: Final = 60.0
"""Some milliseconds per link and direction: the kernel waits until nobody uses the program of before."""
ALL_LINKS: Final = tuple(link.name for link in LINKS)
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Network:
    """The networks that live in a directory; ``read`` finds those of a running lab."""

    directory: Path
    mode: Mode
    reason: str
    """Why there are no namespaces, "" when there are."""
    namespaces: dict[str, str]
    """By host, a path that leads into its namespace."""

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Those that a process serves there; None while there are none."""
        try:
            values = orjson.loads((directory / READY_FILE).read_bytes())
        except FileNotFoundError:
            return None
        return cls(directory, Mode(values["mode"]), values["reason"], values["namespaces"])

    def command(self, host: str, argv: Sequence[str], sysfs: Path | None = None) -> list[str]:
        """The command line that runs a program as the host would: inside its namespace, if it has one.

        ``sysfs`` is a directory in which the program finds a sysfs that shows the host's links.
        """
        namespace = self.namespaces.get(host)
        if namespace is None:
            return list(argv)
        return [sys.executable, "-I", "-S", str(enter.__file__), namespace, str(sysfs or ""), *argv]

    async def set_links(self, hosts: Iterable[str], links: Iterable[str] = ALL_LINKS, *, up: bool) -> int:
        """Cut or restore links of hosts; returns CLOCK_MONOTONIC in nanoseconds, just before the first.

        Raises:
            ControlFailed: no such host or link, or hosts have no links in this lab.
        """
        request = {"do": "links", "hosts": list(hosts), "links": list(links), "up": up}
        return int((await control.ask(self.directory, request))["at"])

    async def set_switches(self, switches: Iterable[str], *, up: bool) -> int:
        """Stop or start whole switches, while hosts keep their carriers; returns as ``set_links``.

        Raises:
            ControlFailed: no such switch, or hosts have no links in this lab.
        """
        request = {"do": "switches", "switches": list(switches), "up": up}
        return int((await control.ask(self.directory, request))["at"])

    async def set_loss(self, hosts: Iterable[str], share: float, links: Iterable[str] = ALL_LINKS) -> int:
        """Lose a share of all packets of the hosts' links, each direction by itself; returns as ``set_links``.

        Raises:
            ControlFailed: see ``set_links``, or the kernel knows no XDP.
        """
        request = {"do": "loss", "hosts": list(hosts), "links": list(links), "share": share}
        return int((await control.ask(self.directory, request, timeout_seconds=LOSS_SECONDS))["at"])

    async def relay_to_machine(self, port: int, target: int) -> Address:
        """Let hosts reach a loopback port of the machine; returns the address to connect to.

        Raises:
            ControlFailed: the port is taken.
        """
        if self.mode is Mode.LOOPBACK:
            return LOOPBACK, target
        address = MGMT.address(RELAY_NUMBER, self.mode), port
        await self._relay("", address, (LOOPBACK, target), None)
        return address

    async def relay_on_loopback(self, host: str, port: int, target: Address) -> None:
        """Let a host find, on a port of its own loopback, what ``relay_to_machine`` gave.

        For addresses that are the same for everybody, such as a VIMEndpoint's: the operator runs on the machine itself.

        Raises:
            ControlFailed: the port is taken.
        """
        if self.mode is Mode.NAMESPACES:
            await self._relay(host, (LOOPBACK, port), target, host)

    async def _relay(self, host: str, listen: Address, target: Address, source: str | None) -> None:
        request = {"do": "relay", "host": host, "listen": listen, "target": target, "source": source}
        await control.ask(self.directory, request)


def describe(network: Network | None) -> str:
    """One line for people: how hosts are kept apart."""
    if network is None or network.mode is Mode.LOOPBACK:
        why = network.reason if network is not None else "asked for"
        return f"hypervisors share the loopback ({why}): no link can be cut, figures do not count"
    return "each hypervisor has a network namespace: one management link, two storage links"


class NetworkProcess:
    """Starts the process that holds the networks, and ends it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._daemon: Daemon | None = None

    async def start(self, hosts: Sequence[Host], mode: Mode | None = None) -> Network:
        """Returns when the networks are there.

        Raises:
            LabFailed: the process ended, or took too long.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / READY_FILE).unlink(missing_ok=True)
        config = self._directory / "config.json"
        values = {"directory": str(self._directory), "hosts": [host.to_json() for host in hosts], "mode": mode}
        config.write_bytes(orjson.dumps(values))
        argv = [sys.executable, "-m", "nfvi_ha.lab.network", str(config)]
        log = self._directory / "network.log"
        self._daemon = daemon = Daemon.spawn("network", argv, log=log, cwd=self._directory, detach=False)
        deadline = time.monotonic() + READY_SECONDS
        while (network := Network.read(self._directory)) is None:
            if not daemon.alive() or time.monotonic() > deadline:
                raise LabFailed(f"the lab's networks did not come up; see {log}\n{daemon.log_tail()}")
            await asyncio.sleep(0.02)
        return network

    async def stop(self) -> None:
        """End it; namespaces go with their last process."""
        if self._daemon is not None:
            await self._daemon.stop(grace_seconds=2.0)
            self._daemon = None
