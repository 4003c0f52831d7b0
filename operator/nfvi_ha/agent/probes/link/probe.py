"""The link probe, put together: it looks, asks, and tells."""

import asyncio
import contextlib
import logging
import socket
import time
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.probes.link.cluster import ClusterName
from nfvi_ha.agent.probes.link.echo import EchoSocket, Question
from nfvi_ha.agent.probes.link.interfaces import Interfaces
from nfvi_ha.agent.probes.link.metrics import LinkMetrics
from nfvi_ha.agent.probes.link.netlink import LinkEvents, Routes
from nfvi_ha.agent.probes.link.settings import LinkProbeSettings, read_settings
from nfvi_ha.agent.probes.link.storage_path import StoragePath
from nfvi_ha.agent.probes.link.sysfs import NetTree
from nfvi_ha.agent.probes.link.telling import tell
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.links.link_state import LinkState

log = logging.getLogger(__name__)

SEARCH_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 0.02
"""Between two looks while something is about to be decided."""
REROUTE_SECONDS: Final = 0.05


class LinkProbe:
    """See ``agent.probe.Probe``."""

    name = "link"

    def __init__(
        self, settings: LinkProbeSettings, cluster: ClusterName, sysfs: Path, procfs: Path, metrics: LinkMetrics
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._tree = NetTree(sysfs, procfs)
        self._metrics = metrics

    async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
        """Watch for ever."""
        del inventory
        watching = _Watching(self._settings, self._cluster, self._tree, self._metrics, table)
        routes = watching.routes_changed if watching.follows_routes else None
        events = LinkEvents(watching.link_changed, routes, self._metrics.netlink_lost.inc)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(events.run())
                group.create_task(watching.run())
        finally:
            watching.close()


class _Watching:
    """One life of the probe."""

    def __init__(
        self,
        settings: LinkProbeSettings,
        cluster: ClusterName,
        tree: NetTree,
        metrics: LinkMetrics,
        table: FaultTable,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._tree = tree
        self._metrics = metrics
        self._table = table
        self._paths = {setting.name: StoragePath(setting) for setting in settings.storage_paths}
        down = [key.on.removeprefix("link/") for key in table.memory.entries if key.kind is FaultKind.LINK_DOWN]
        of_paths = {name for path in self._paths.values() for name in path.interfaces}
        self._interfaces = Interfaces(tree, settings.interfaces, settings.ignore, of_paths, down)
        self._routes = Routes()
        self._reroute = asyncio.Event()
        self._sockets: dict[socket.AddressFamily, EchoSocket] = {}
        self._search_due = self._poll_due = 0.0

    async def run(self) -> None:
        """Look at all each period, ask when it is due, look closer while something is about to be decided."""
        async with asyncio.TaskGroup() as group:
            if self.follows_routes:
                group.create_task(self._follow_routes())
            while True:
                now = time.monotonic()
                self._look(now)
                self._ask(now)
                self._tick(now)
                await asyncio.sleep(max(0.001, self._next() - time.monotonic()))

    @property
    def follows_routes(self) -> bool:
        """Whether routes tell which member carries a path."""
        return any(path.routed_to for path in self._paths.values())

    def link_changed(self, name: str, state: LinkState) -> None:
        """The kernel says so. What sysfs says is newer, and is read after it: a link that was down meanwhile was."""
        now = time.monotonic()
        if name not in self._interfaces.watched:
            # Those of pods come and go all the time, and are searched once.
            if name not in self._interfaces.known and state is not LinkState.GONE:
                self._search_due = 0.0
            return
        self._interfaces.sees(name, state, now)
        self._tell_paths(now)
        self._interfaces.read(now)
        self._tell_paths(now)
        self._tick(now)
        self._reroute.set()

    def routes_changed(self) -> None:
        """The kernel says so."""
        self._reroute.set()

    def close(self) -> None:
        """Let go of all sockets."""
        self._routes.close()
        for each in self._sockets.values():
            each.close()

    def _look(self, now: float) -> None:
        if now >= self._search_due:
            self._search_due = now + SEARCH_SECONDS
            self._interfaces.search()
            self._cluster.look()
            for path in self._paths.values():
                path.audit(self._interfaces, self._tree)
            for name, watch in self._interfaces.watched.items():
                self._metrics.up.labels(name).set(watch.state is LinkState.UP)
        elif now < self._poll_due and not self._unsettled:
            return
        self._poll_due = now + self._settings.poll_ms / 1000
        self._interfaces.read(now)
        self._tell_paths(now)

    def _ask(self, now: float) -> None:
        for path in self._paths.values():
            if now < path.due:
                continue
            period = path.setting.period_ms / 1000
            # A period that was missed is not made up for.
            path.due = max(path.due + period, now + period / 2)
            for target in path.targets:
                if target.node and not self._cluster.identity:
                    continue
                family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
                key = (path.setting.name, target.name)
                path.watch.reach.sent(target.name, now)
                sent = self._socket(family).ask(target, key, self._cluster.identity, now)
                self._metrics.asked.labels(*key, "sent" if sent else "unsent").inc()

    def _tick(self, now: float) -> None:
        decisions = self._interfaces.tick(now)
        for name, path in self._paths.items():
            decisions += path.watch.tick(now)
            for outage in path.watch.failovers.take_measured():
                self._metrics.outages.labels(name).observe(outage.seconds)
                log.info("storage path was interrupted", extra={"path": name, "ms": outage.milliseconds})
        for decision in decisions:
            tell(self._table, decision)

    def _next(self) -> float:
        now = time.monotonic()
        due = min([self._poll_due, *(path.due for path in self._paths.values() if path.targets)])
        return min(due, now + CLOSE_SECONDS) if self._unsettled else due

    def _tell_paths(self, now: float) -> None:
        for path in self._paths.values():
            path.look(self._interfaces, now)

    async def _follow_routes(self) -> None:
        """Find out anew which member carries a path, when something changed, and now and then."""
        while True:
            for path in self._paths.values():
                if (target := path.routed_to) is not None:
                    path.route = await self._routes.interface_to(target.address)
            self._tell_paths(time.monotonic())
            # A router changes routes by the thousand; each look costs some milliseconds.
            await asyncio.sleep(REROUTE_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reroute.wait(), SEARCH_SECONDS)
            self._reroute.clear()

    @property
    def _unsettled(self) -> bool:
        return any(path.watch.unsettled for path in self._paths.values())

    def _socket(self, family: socket.AddressFamily) -> EchoSocket:
        found = self._sockets.get(family)
        if found is None:
            found = self._sockets[family] = EchoSocket(family, self._answered, self._refused)
            found.listen()
        return found

    def _answered(self, question: Question, now: float) -> None:
        path, target = question.key
        self._paths[path].watch.reach.answered(target, question.sent_at, now)
        self._metrics.asked.labels(path, target, "answered").inc()

    def _refused(self, question: Question, now: float) -> None:
        path, target = question.key
        self._paths[path].watch.reach.refused(target, now)
        self._metrics.asked.labels(path, target, "refused").inc()


def link_probe(config: AgentConfig, registry: CollectorRegistry) -> LinkProbe:
    """The link probe of an agent.

    Raises:
        ValueError: a setting under ``probes.link`` is wrong.
    """
    settings = read_settings(config.probes.get("link", {}))
    cluster = ClusterName(config.cluster, config.state_dir)
    return LinkProbe(settings, cluster, config.sysfs_root, config.procfs_root, LinkMetrics(registry))
