"""The probes process: fault table, inventory, keys, sentinels, probes and metrics, around one event loop."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.agent.beat_link import BeatLink
from nfvi_ha.agent.config import KEYS_FILE, SENTINELS_FILE, SPOOL_FILE, AgentConfig
from nfvi_ha.agent.discovery import Discovery
from nfvi_ha.agent.faults import SEATS_TO_RECORD, FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.key_client import KeyClient
from nfvi_ha.agent.lag import watch_lag
from nfvi_ha.agent.metrics import AgentMetrics
from nfvi_ha.agent.probe import Probe
from nfvi_ha.agent.readiness import missing
from nfvi_ha.agent.spool import Spool
from nfvi_ha.agent.supervision import keep_running
from nfvi_ha.core.wire.beat import room
from nfvi_ha.health import HealthServer
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeConfigError

log = logging.getLogger(__name__)

EXPIRE_SECONDS: Final = 1.0
SERVE_AGAIN_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 0.3
"""At the end the spool gets so long; the beat process waits half a second for us."""

MakeProbes = Callable[[AgentConfig, KubeClient | None, CollectorRegistry], tuple[Probe, ...]]


async def run_probes(config: AgentConfig, link: BeatLink, make_probes: MakeProbes) -> None:
    """Until SIGTERM, or until the beat process is gone.

    Raises:
        OSError: procfs has no boot id.
        ValueError: a probe's setting is wrong.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    link.closed = stop
    registry = CollectorRegistry()
    metrics = AgentMetrics(registry)
    spool = Spool(config.state_dir / SPOOL_FILE, config.read_boot_id())
    table, inventory = _tables(config, link, spool)
    metrics.watch(table, spool)
    link.on_status = metrics.beat.take
    server = HealthServer(registry, lambda: missing(metrics.beat))
    link.start()
    link.episode(table.memory.node_episode)
    # Before any probe has looked: the faults from before, so that nothing seems to have been mended.
    table.tell_again()
    log.info("probes start", extra={"node": config.node, "restored": len(table.memory.entries)})
    try:
        async with contextlib.AsyncExitStack() as stack:
            client = await _client(config, stack)
            work = [
                spool.run(),
                _expire(table),
                watch_lag(metrics.lag),
                _serve(server, config),
                *_sources(config, link, metrics, registry, client),
            ]
            work += [
                keep_running(probe, table, inventory, metrics.probe_failed)
                for probe in make_probes(config, client, registry)
            ]
            await _until(stop, work)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_flush(spool), FLUSH_SECONDS)
    finally:
        link.close()
        await server.stop()


def _tables(config: AgentConfig, link: BeatLink, spool: Spool) -> tuple[FaultTable, InventoryBook]:
    loop = asyncio.get_running_loop()
    soon = loop.call_soon
    table = FaultTable(
        spool.load(), room=room(config.node), tell=link.faults, save=spool.save, soon=soon, later=loop.call_later
    )
    table.seats_needed = min(SEATS_TO_RECORD, len({each.seat for each in config.sentinels}) or SEATS_TO_RECORD)
    link.on_answered = table.answered
    link.on_episode = table.node_episode
    return table, InventoryBook(link.inventory, soon)


def _sources(
    config: AgentConfig, link: BeatLink, metrics: AgentMetrics, registry: CollectorRegistry, client: KubeClient | None
) -> list[Coroutine[Any, Any, None]]:
    """Who tells us keys and sentinels, where they are not fixed."""
    found: list[Coroutine[Any, Any, None]] = []
    if not config.keys and config.key_service.url:
        cached = config.state_dir / KEYS_FILE
        found.append(KeyClient(config.key_service, config.cluster, cached, link.keys, metrics.key_request).run())
    if not config.sentinels:
        discovery = Discovery(config.namespace, config.state_dir / SENTINELS_FILE, link.sentinels, registry)
        discovery.recall()
        if client is not None:
            found.append(discovery.run(client))
    return found


async def _client(config: AgentConfig, stack: contextlib.AsyncExitStack) -> KubeClient | None:
    try:
        client = await KubeClient.connect(config.kubeconfig or None, user_agent="nfvi-ha-agent")
    except KubeConfigError as error:
        log.warning("no Kubernetes: VMs are seen without their intent", extra={"error": str(error)})
        return None
    return await stack.enter_async_context(client)


async def _serve(server: HealthServer, config: AgentConfig) -> None:
    """Metrics, as soon as their port can be had: that somebody else has it is no reason to be blind."""
    while True:
        try:
            port = await server.start(config.host, config.port, config.port_file)
        except OSError as error:
            log.error("metrics cannot be served", extra={"port": config.port, "error": str(error)})  # noqa: TRY400
            await server.stop()
            await asyncio.sleep(SERVE_AGAIN_SECONDS)
        else:
            log.info("metrics are served", extra={"host": config.host, "port": port})
            await asyncio.Event().wait()


async def _expire(table: FaultTable) -> None:
    while True:
        await asyncio.sleep(EXPIRE_SECONDS)
        table.expire()


async def _until(stop: asyncio.Event, work: list[Coroutine[Any, Any, None]]) -> None:
    """Do all the work until the event. Work that fails ends all: the beat process starts us anew."""
    tasks = [asyncio.ensure_future(each) for each in work]
    stopped = asyncio.ensure_future(stop.wait())
    try:
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in done - {stopped}:
            each.result()
    finally:
        for each in (stopped, *tasks):
            each.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)


async def _flush(spool: Spool) -> None:
    """The last changes; the writer was cancelled with the rest."""
    writer = asyncio.ensure_future(spool.run())
    try:
        await spool.flushed()
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
