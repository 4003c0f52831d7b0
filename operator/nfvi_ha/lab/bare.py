"""A lab without Kubernetes: sentinels that know the cluster by their cache alone, and hypervisors that only beat.

What is under test is the same as in a whole lab, agents, sentinels, networks and delivery, at a fraction of its cost:
20 hypervisors run on two cores. It is also what sentinels have while an API server is down.
"""

import asyncio
import secrets
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import orjson

from nfvi_ha.lab.agents import CLUSTER, KEY_ID
from nfvi_ha.lab.controlplane.processes import Daemon
from nfvi_ha.lab.daemons import tcp_ports
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.eyes import Keys, sentinels_of, watched_site
from nfvi_ha.lab.host_faults import HostFaults
from nfvi_ha.lab.network.client import Network, NetworkProcess
from nfvi_ha.lab.network.plan import BEAT_NETWORKS, SENTINEL_PORT, Host, Mode
from nfvi_ha.lab.nfvi import Hosts
from nfvi_ha.lab.processfile import PROCESS, write_identity
from nfvi_ha.lab.sentinel_view import wait_seats
from nfvi_ha.lab.sentinels import STATE, Sentinels
from nfvi_ha.lab.site import SYSFS, Boot, Site
from nfvi_ha.lab.vim import ENDPOINT, endpoint_objects
from nfvi_ha.lab.vim import KEY_ID as VIM_KEY_ID
from nfvi_ha.reporting.receiver.record import Record
from nfvi_ha.reporting.receiver.server import Receiver, ReceiverSettings
from nfvi_ha.sentinel.scribe.lines import CACHE_FILE, FeedKind, Put, Synced, encode

SEATS: Final = 3
UP_SECONDS: Final = 120.0


class BareLab:
    """Started by ``start``; everything in it is a child of this process and ends with it, however that ends."""

    def __init__(self, root: Path, network: Network, receiver: Receiver, sentinels: Sentinels, site: Site) -> None:
        self.root = root
        self.network = network
        self.receiver = receiver
        self.sentinels = sentinels
        self.faults = HostFaults(root, Hosts(root), network)
        self._site = site
        self._daemons: dict[str, Daemon] = {}
        self._stack = AsyncExitStack()

    @classmethod
    async def start(
        cls, root: Path, hypervisors: int, on_record: Callable[[Record, float | None], None] | None = None
    ) -> Self:
        """Start everything; returns when every sentinel judges every hypervisor to be up.

        Raises:
            LabFailed: there are no network namespaces, or something does not come up.
        """
        hosts = [Host.hypervisor(f"hypervisor-{index + 1}", index) for index in range(hypervisors)]
        seats = [Host.sentinel(seat) for seat in range(SEATS)]
        async with AsyncExitStack() as stack:
            networks = NetworkProcess(root / "network")
            stack.push_async_callback(networks.stop)
            network = await networks.start([*seats, *hosts])
            if network.mode is not Mode.NAMESPACES:
                raise LabFailed(f"network namespaces are not permitted here: {network.reason}")
            vim_key, keys = secrets.token_hex(32), Keys.new()
            receiver = Receiver(ReceiverSettings(keys={VIM_KEY_ID: vim_key.encode()}), on_record=on_record)
            url = await receiver.start()
            stack.push_async_callback(receiver.stop)
            _write_caches(root / "sentinels", _feed(hosts, keys, url, vim_key))
            port = urlsplit(url).port or 0
            sentinels = await sentinels_of(root / "sentinels", network, SEATS, port, None, 0)
            site = watched_site(network, hosts, None, keys, SEATS)
            self = cls(root, network, receiver, sentinels, site)
            stack.push_async_callback(self._stop_hypervisors)
            stack.push_async_callback(sentinels.stop)
            await sentinels.start()
            for host in hosts:
                self._start_hypervisor(host.name)
            await wait_seats(network, sentinels.seats, hypervisors, UP_SECONDS)
            self._stack = stack.pop_all()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def names(self) -> list[str]:
        """Of the hypervisors."""
        return list(self._site.hosts)

    def _start_hypervisor(self, name: str) -> None:
        directory = self.faults.hosts.directory(name)
        (directory / SYSFS).mkdir(parents=True, exist_ok=True)
        boot = Boot(name, directory, str(uuid.uuid4()), self._site.address(name))
        config = directory / "hypervisor.json"
        services = [service.to_json() for service in self._site.services(boot)]
        config.write_bytes(orjson.dumps({"directory": str(directory), "services": services}))
        argv = [sys.executable, "-m", "nfvi_ha.lab.hypervisor.bare", str(config)]
        command = self.network.command(name, argv, directory / SYSFS)
        daemon = Daemon.spawn(name, command, log=directory / "hypervisor.log", cwd=directory, detach=False)
        self._daemons[name] = daemon
        write_identity(directory / PROCESS, daemon.identity)

    async def _stop_hypervisors(self) -> None:
        await asyncio.gather(*(daemon.stop(grace_seconds=0) for daemon in self._daemons.values()))


def _feed(hosts: Sequence[Host], keys: Keys, url: str, vim_key: str) -> bytes:
    """All that a scribe would have told, as its cache file has it."""
    mode = Mode.NAMESPACES
    secret, endpoint = endpoint_objects(url, vim_key)
    config: dict[str, Any] = {
        "cluster": CLUSTER,
        "masterKeys": {KEY_ID: keys.master.hex()},
        "voteKey": keys.vote.hex(),
        "policy": {"networks": list(BEAT_NETWORKS)},
    }
    lines: Iterable[Put | Synced] = [
        Put(FeedKind.CONFIG, "config", config),
        *(
            Put(
                FeedKind.SEAT,
                str(seat),
                {"addresses": Host.sentinel(seat).addresses(mode), "port": SENTINEL_PORT},
            )
            for seat in range(SEATS)
        ),
        *(
            Put(
                FeedKind.NODE,
                host.name,
                {"uid": host.name, "addresses": host.addresses(mode), "tcpPorts": tcp_ports(mode)},
            )
            for host in hosts
        ),
        Put(FeedKind.ENDPOINT, ENDPOINT, {"object": endpoint, "secrets": [secret]}),
        Synced(),
    ]
    return b"".join(encode(line) for line in lines)


def _write_caches(directory: Path, feed: bytes) -> None:
    for seat in range(SEATS):
        state = directory / Host.sentinel(seat).name / STATE
        state.mkdir(parents=True, exist_ok=True)
        (state / CACHE_FILE).write_bytes(feed)
