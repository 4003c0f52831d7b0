"""One sentinel process from its start to its end."""

import asyncio
import gc
import logging
import secrets
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import orjson
from prometheus_client import CollectorRegistry

from nfvi_ha.health import HealthServer
from nfvi_ha.sentinel.app import SCRIBE_CONFIG, Sentinel
from nfvi_ha.sentinel.incarnation import next_incarnation
from nfvi_ha.sentinel.real_time import ask_for_real_time
from nfvi_ha.sentinel.scribe.lines import CACHE_FILE
from nfvi_ha.sentinel.settings import SentinelSettings

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 2.0
FULL_COLLECTION_THRESHOLD: Final = (50_000, 50, 100)
"""A full collection of a big heap stops the loop for tens of milliseconds: rarely, and without what was frozen."""


async def run_sentinel(settings: SentinelSettings) -> None:
    """Run one seat until SIGTERM or SIGINT.

    Raises:
        OSError: an address or the state directory cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = Tasks(stop)
    registry = CollectorRegistry()
    incarnation = next_incarnation(settings.state_dir, time.time_ns())
    sentinel = Sentinel(settings, registry, incarnation=incarnation, nonce=secrets.randbits(63) + 1, spawn=tasks.spawn)
    server = HealthServer(registry, sentinel.not_ready)
    try:
        metrics_port = await server.start(settings.host, settings.metrics_port)
        _begin(sentinel, tasks, metrics_port)
        await stop.wait()
    finally:
        log.info("sentinel stops", extra={"seat": settings.seat})
        await _end(sentinel, tasks, server)
    if tasks.failure is not None:
        raise tasks.failure


class Tasks:
    """Work in the background. One of the lasting ones that ends takes the process with it; others may come and go."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that ends by itself."""
        self._start(work).add_done_callback(self._done)

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that never ends."""
        self._start(work).add_done_callback(self._lasting_done)

    async def cancel(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed", exc_info=error)

    def _lasting_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self.failure = task.exception() or RuntimeError(f"{task.get_coro()} ended")
            log.error("a part that must not end has ended", exc_info=self.failure)
            self._stop.set()


def _begin(sentinel: Sentinel, tasks: Tasks, metrics_port: int) -> None:
    settings = sentinel.settings
    try:
        sentinel.feed.load(settings.state_dir / CACHE_FILE)
    except OSError:
        log.exception("cache cannot be read; we start without")
    left = [record.incident.id for record in sentinel.handover.restore()]
    sentinel.roster.settle()
    sentinel.roster.recall(sentinel.clock.monotonic())
    sentinel.teller.resume(left)
    if sentinel.pinger.open():
        log.info("no ICMP echo for some families: CAP_NET_RAW, or net.ipv4.ping_group_range, is missing")
    if settings.with_scribe:
        write_scribe_config(settings, sentinel.receiver.ports[0].address[1])
    sentinel.metrics.real_time.set(settings.real_time and ask_for_real_time())
    sentinel.receiver.start()
    for work in (sentinel.judge.run(), sentinel.spool.run(), sentinel.ports.run()):
        tasks.keep(work)
    if settings.with_scribe:
        tasks.keep(sentinel.scribe.run())
    gc.set_threshold(*FULL_COLLECTION_THRESHOLD)
    gc.collect()
    gc.freeze()
    ports = [port.address[1] for port in sentinel.receiver.ports]
    if settings.port_file is not None:
        part = settings.port_file.with_suffix(".part")
        part.write_text("".join(f"{port}\n" for port in [*ports, metrics_port]))
        part.rename(settings.port_file)
    log.info("sentinel starts", extra={"seat": settings.seat, "ports": ports, "metrics_port": metrics_port})


async def _end(sentinel: Sentinel, tasks: Tasks, server: HealthServer) -> None:
    """Hear no more, let what is under way arrive, put the rest on disk."""
    await tasks.cancel()
    sentinel.receiver.close()
    sentinel.pinger.close()
    await asyncio.gather(sentinel.deliverer.close(STOP_SECONDS), server.stop())
    sentinel.executor.shutdown(wait=True)
    sentinel.handover.close()


def write_scribe_config(settings: SentinelSettings, port: int) -> Path:
    """What the scribe reads at its start (``sentinel.scribe.settings``).

    Raises:
        OSError: it cannot be written.
    """
    path = settings.state_dir / SCRIBE_CONFIG
    config = {
        "seat": settings.seat,
        "stateDir": str(settings.state_dir),
        "kubeconfig": settings.kubeconfig,
        "namespace": settings.namespace,
        "cluster": settings.cluster,
        "podName": settings.identity,
        "place": {"addresses": dict(settings.addresses), "port": port},
        "seats": {
            str(seat): {
                "addresses": {name: place[0] for name, place in places.items()},
                "port": next(iter(places.values()))[1],
            }
            for seat, places in settings.seats.items()
            if places
        },
        "networks": list(settings.addresses),
        "operatorReplicas": settings.operator_replicas,
        "logLevel": settings.log_level,
    }
    path.write_bytes(orjson.dumps(config))
    return path
