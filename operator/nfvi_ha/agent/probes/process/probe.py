"""The process probe, put together."""

import asyncio
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.probes.process.metrics import ProcessMetrics
from nfvi_ha.agent.probes.process.pod_labels import PodLabelsSource
from nfvi_ha.agent.probes.process.policy import PolicySource
from nfvi_ha.agent.probes.process.process_table import ProcessTable, in_own_group, in_session
from nfvi_ha.agent.probes.process.seen import Seen
from nfvi_ha.agent.probes.process.settings import ProcessProbeSettings, read_settings, specs
from nfvi_ha.agent.probes.process.watch import ProcessWatch
from nfvi_ha.core.hostprocess.spec import WatchSpec, watch_list
from nfvi_ha.kube.client import KubeClient

SEEN_FILE: Final = "processes.json"
_HURRY: Final = 10
"""After a death so many times as many searches are made until it is back."""


class ProcessProbe:
    """See ``agent.probe.Probe``."""

    name = "process"

    def __init__(
        self,
        node: str,
        boot_id: str,
        settings: ProcessProbeSettings,
        state_dir: Path,
        procfs: Path,
        client: KubeClient | None,
        metrics: ProcessMetrics,
    ) -> None:
        self._node = node
        self._boot_id = boot_id
        self._settings = settings
        self._state_dir = state_dir
        self._procfs = procfs
        self._client = client
        self._metrics = metrics
        self._policy_list: tuple[WatchSpec, ...] | None = None
        self._labels_wanted = asyncio.Event()

    async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
        """Watch for ever."""
        settings = self._settings
        processes = ProcessTable(self._procfs, in_own_group if settings.scope == "group" else lambda _pid: True)
        seen = Seen(self._state_dir / SEEN_FILE, self._boot_id)
        seen.load()
        # Where the agent itself was started by somebody who logged in, so were the daemons: this is a lab.
        watch = ProcessWatch(self._procfs, processes, settings, table, seen, sessions=in_session(self._procfs))
        try:
            processes.scan(everything=True)
            self._use(watch, self._policy_list)
            async with asyncio.TaskGroup() as group:
                group.create_task(seen.run())
                group.create_task(self._look(watch))
                if self._client is not None:
                    group.create_task(self._follow_labels(watch, self._client))
                if self._client is not None and settings.policies:
                    source = PolicySource(self._node, self._client, lambda specs: self._use(watch, specs))
                    group.create_task(source.run())
        finally:
            watch.close()

    def _use(self, watch: ProcessWatch, listed: tuple[WatchSpec, ...] | None) -> None:
        self._policy_list = listed
        settings = self._settings
        if listed is None:
            listed = watch_list(specs(settings.watched_processes), built_in=settings.built_in_processes)
        if any(spec.match.pod_labels for spec in listed):
            self._labels_wanted.set()
        watch.use(listed)

    async def _follow_labels(self, watch: ProcessWatch, client: KubeClient) -> None:
        """Once something is matched by them; the pods of a node change often."""
        await self._labels_wanted.wait()
        pods = PodLabelsSource(self._node, client, watch.match_all)
        watch.pods = lambda: pods.labels
        await pods.run()

    async def _look(self, watch: ProcessWatch) -> None:
        loop, settings = asyncio.get_running_loop(), self._settings
        period, rescan = settings.look_ms / 1000, settings.rescan_ms / 1000
        due = searched = loop.time()
        while True:
            now = loop.time()
            watch.look(now - due)
            if now - searched >= (rescan / _HURRY if watch.hurry else rescan):
                watch.scan()
                self._metrics.take(watch)
                searched = now
            if (error := watch.failed_asking()) is not None:
                raise error
            due = max(due + period, loop.time())
            await asyncio.sleep(due - loop.time())


def process_probe(config: AgentConfig, client: KubeClient | None, registry: CollectorRegistry) -> ProcessProbe:
    """The process probe of an agent.

    Raises:
        ValueError: a setting under ``probes.process`` is wrong.
        OSError: procfs has no boot id.
    """
    return ProcessProbe(
        config.node,
        config.read_boot_id(),
        read_settings(config.probes.get("process", {})),
        config.state_dir,
        config.procfs_root,
        client,
        ProcessMetrics(registry),
    )
