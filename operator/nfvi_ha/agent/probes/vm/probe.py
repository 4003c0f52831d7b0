"""The VM probe, put together: what it watches, how often, and what it tells."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.config import AgentConfig
from nfvi_ha.agent.faults import FaultKey, FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.probes.connector import ProcConnector
from nfvi_ha.agent.probes.vm.cgroups import pods_reader
from nfvi_ha.agent.probes.vm.endings import Endings
from nfvi_ha.agent.probes.vm.guest import Guest
from nfvi_ha.agent.probes.vm.metrics import VmMetrics
from nfvi_ha.agent.probes.vm.scan import Scanner
from nfvi_ha.agent.probes.vm.settings import VmProbeSettings, read_settings
from nfvi_ha.agent.probes.vm.standing import StandingVms
from nfvi_ha.agent.probes.vm.vm_cache import VmCache
from nfvi_ha.agent.probes.vm.watch import VmWatch
from nfvi_ha.agent.probes.vm.watch_list import WatchList
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.vmprocess.stuck import StuckLimits
from nfvi_ha.core.wire.inventory import VmEntry
from nfvi_ha.kube.client import KubeClient

log = logging.getLogger(__name__)

VMS_FILE: Final = "vms.json"
WATCHED_FILE: Final = "watched.json"
SYNC_SECONDS: Final = 10.0
"""So long what ended while no agent ran waits for the API server's word."""


class VmProbe:
    """See ``agent.probe.Probe``."""

    name = "vm"

    def __init__(
        self,
        node: str,
        boot_id: str,
        settings: VmProbeSettings,
        state_dir: Path,
        procfs: Path,
        cgroup_root: Path,
        client: KubeClient | None,
        metrics: VmMetrics,
    ) -> None:
        self._node = node
        self._boot_id = boot_id
        self._settings = settings
        self._state_dir = state_dir
        self._procfs = procfs
        self._cgroup_root = cgroup_root
        self._client = client
        self._metrics = metrics

    async def run(self, table: FaultTable, inventory: InventoryBook) -> None:
        """Watch for ever."""
        settings = self._settings
        cache = VmCache(self._node, self._client, self._state_dir / VMS_FILE, lambda uid: watch.learned(uid))
        endings = Endings(self._node, table, cache, self._metrics.decided)
        limits = StuckLimits(settings.stopped_ms / 1000, settings.uninterruptible_ms / 1000)
        pods = pods_reader(settings.cgroups, self._procfs, self._cgroup_root)
        watch = VmWatch(
            self._procfs,
            Scanner(self._procfs, pods, outside_pods=settings.outside_pods),
            cache,
            endings,
            StandingVms(self._procfs, limits, table),
            lambda: self._tell(watch, endings, cache, inventory, listed),
        )
        listed = WatchList(self._state_dir / WATCHED_FILE, self._boot_id)
        cache.recall()
        self._metrics.watch(watch, cache)
        connector = ProcConnector(watch.execed, watch.exited, self._metrics.connector_lost)
        try:
            missing = watch.expect(listed.load())
            self._remember(missing, table)
            self._connect(connector)
            async with asyncio.TaskGroup() as group:
                group.create_task(cache.run())
                group.create_task(listed.run())
                group.create_task(self._judge_missing(missing, watch, endings, cache))
                group.create_task(self._look(watch))
        finally:
            self._disconnect(connector)
            watch.close()

    async def _look(self, watch: VmWatch) -> None:
        """Look at all VMs each period, search for new ones less often."""
        loop = asyncio.get_running_loop()
        period, rescan = self._settings.period_ms / 1000, self._settings.rescan_ms / 1000
        due, scan_due = loop.time(), loop.time()
        while True:
            watch.poll()
            if (now := loop.time()) >= scan_due or watch.to_search:
                # What is gone is proven by a search of everything; else that is not worth its cost.
                watch.scan(everything=watch.to_search)
                scan_due = now + rescan
            watch.settle()
            # A period that was missed is not made up for.
            due = max(due + period, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _judge_missing(self, missing: list[Guest], watch: VmWatch, endings: Endings, cache: VmCache) -> None:
        """What ended while no agent ran: how, nobody saw, so what the API says of it counts."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(cache.wait_synced(), SYNC_SECONDS)
        for guest in missing:
            endings.ended(guest, None, asyncio.get_running_loop().time())
        watch.learned("")

    def _remember(self, missing: list[Guest], table: FaultTable) -> None:
        """What was reported before the restart lacks its proof only."""
        for guest in missing:
            if guest.identity is None:
                continue
            key = FaultKey(FaultKind.VM_FAILED, guest.identity.uid)
            known = table.memory.entries.get(key) or table.memory.settled.get(key)
            guest.said = known.observed if known is not None else None

    def _tell(
        self, watch: VmWatch, endings: Endings, cache: VmCache, inventory: InventoryBook, listed: WatchList
    ) -> None:
        entries = []
        for guest in watch.live:
            if (identity := guest.identity) is None:
                continue
            known = cache.vm(identity.uid)
            report = known is None or known.report
            going = bool(endings.intent(guest)) and report
            entries.append(
                VmEntry(identity.uid, identity.namespace, identity.name, guest.vnf, guest.slot, report, going)
            )
        inventory.replace(entries)
        listed.keep(watch.open)

    def _connect(self, connector: ProcConnector) -> None:
        if not self._settings.connector:
            return
        try:
            descriptor = connector.open()
        except OSError as error:
            log.info("proc connector not used", extra={"error": str(error)})
            return
        self._metrics.connected()
        asyncio.get_running_loop().add_reader(descriptor, connector.read)

    def _disconnect(self, connector: ProcConnector) -> None:
        if (descriptor := connector.descriptor) is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
        connector.close()


def vm_probe(config: AgentConfig, client: KubeClient | None, registry: CollectorRegistry) -> VmProbe:
    """The VM probe of an agent.

    Raises:
        ValueError: a setting under ``probes.vm`` is wrong.
        OSError: procfs has no boot id.
    """
    return VmProbe(
        config.node,
        config.read_boot_id(),
        read_settings(config.probes.get("vm", {})),
        config.state_dir,
        config.procfs_root,
        config.cgroup_root,
        client,
        VmMetrics(registry),
    )
