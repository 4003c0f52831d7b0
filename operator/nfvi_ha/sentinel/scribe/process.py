"""The scribe from its start to its end: everything is made, wired and started here."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from nfvi_ha.api.names import ANNOTATION_ADDRESSES
from nfvi_ha.kube.backoff import Backoff
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.recorder import EventRecorder
from nfvi_ha.kube.resources import NAMESPACES, PODS
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.scribe.cache import CacheFile
from nfvi_ha.sentinel.scribe.channel import Channel
from nfvi_ha.sentinel.scribe.doubts import LeaseDoubts
from nfvi_ha.sentinel.scribe.early import EarlyOrders
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.feeder import Feeder
from nfvi_ha.sentinel.scribe.host_view import write_addresses
from nfvi_ha.sentinel.scribe.hypervisor_object import HypervisorObjects
from nfvi_ha.sentinel.scribe.hypervisors import Hypervisors
from nfvi_ha.sentinel.scribe.lines import FD_VARIABLE, JsonObject
from nfvi_ha.sentinel.scribe.marker import Marker
from nfvi_ha.sentinel.scribe.orders import Orders
from nfvi_ha.sentinel.scribe.policies import Policies
from nfvi_ha.sentinel.scribe.rank import Rank
from nfvi_ha.sentinel.scribe.records import Records
from nfvi_ha.sentinel.scribe.replicas import Replicas
from nfvi_ha.sentinel.scribe.settings import ScribeSettings
from nfvi_ha.sentinel.scribe.watches import Watches

log = logging.getLogger(__name__)

USER_AGENT: Final = "nfvi-ha-sentinel"
"""Also the field manager of what we write."""
COMPONENT: Final = "nfvi-ha.io/sentinel"
"""Who says so in Events."""
LAST_RETRY_SECONDS: Final = 5.0
UNSYNCED_SECONDS: Final = 10.0
"""How often it is said what is still missing."""


async def run_scribe(settings: ScribeSettings, random: Callable[[], float]) -> None:
    """Connect and run until the hot process closes the socket.

    Raises:
        KubeConfigError: no usable credentials.
    """
    sock = socket.socket(fileno=int(os.environ[FD_VARIABLE]))
    sock.setblocking(False)
    async with await KubeClient.connect(settings.kubeconfig, user_agent=USER_AGENT) as client:
        scribe = Scribe(settings, client, random)
        await scribe.run(sock)


class Scribe:
    """The process. ``run`` ends when the hot process is gone."""

    def __init__(self, settings: ScribeSettings, client: KubeClient, random: Callable[[], float]) -> None:
        self._settings = settings
        self._client = client
        self._random = random
        self._feed = Feed(lambda: self._channel.wake())
        self._channel = Channel(self._feed, self._take)
        self._rank = Rank(settings.seat, settings.rank_seconds)
        self._early = EarlyOrders()
        """Orders that came before we knew which NFVI this is."""
        self._orders: Orders | None = None

    async def run(self, sock: socket.socket) -> None:
        """Feed and write until the hot process closed its end."""
        log.info("scribe starts", extra={"seat": self._settings.seat})
        work = asyncio.create_task(self._work(), name="work")
        channel = asyncio.create_task(self._channel.run(sock), name="channel")
        try:
            await asyncio.wait((work, channel), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, channel):
                task.cancel()
            results = await asyncio.gather(work, channel, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        log.info("scribe ends: the hot process is gone", extra={"seat": self._settings.seat})

    async def _work(self) -> None:
        cluster = self._settings.cluster or await self._cluster_id()
        settings, feed, client, clock = self._settings, self._feed, self._client, Clock()
        records = Records(
            client.lane(),
            feed,
            clock=clock,
            namespace=settings.namespace,
            cluster=cluster,
            delay=self._rank.delay_seconds,
            on_written=lambda incident: hypervisors.written(incident),
        )
        feeder = Feeder(
            feed,
            Policies(),
            settings,
            cluster,
            on_secret=records.secret,
            on_host=lambda node: hypervisors.changed(node),
        )
        objects = HypervisorObjects(client.lane(), lambda node: hypervisors.object_changed(node), now=clock.now)
        recorder = EventRecorder(client, COMPONENT, f"sentinel-{settings.seat}")
        hypervisors = Hypervisors(
            objects=objects,
            marker=Marker(client.lane(), records, host=feeder.hosts.get, governed=feeder.may_mark, now=clock.now),
            governed=feeder.governed,
            rank=self._rank,
            emit=lambda *event: orders.emit(*event),
        )
        orders = Orders(rank=self._rank, records=records, hypervisors=hypervisors, recorder=recorder)
        watches = Watches(
            client,
            settings,
            feeder,
            read_incident=records.intake.view,
            incident=records.changed,
            hypervisor=objects.changed,
        )
        replicas = Replicas(
            client, feed, records.book, namespace=settings.namespace, expected=settings.operator_replicas
        )
        self._begin(orders)
        async with asyncio.TaskGroup() as group:
            for name, work in (
                ("watches", watches.run()),
                ("records", records.run()),
                ("hypervisors", hypervisors.run()),
                ("hypervisors-synced", self._hypervisors_synced(watches, objects, feeder, hypervisors)),
                ("events", recorder.run()),
                ("replicas", replicas.run()),
                ("doubts", LeaseDoubts(client, feeder.ages, feeder.renewed).run()),
                ("cache", CacheFile(settings.state_dir, feed).run()),
                ("sync", self._sync(watches, replicas)),
                ("announce", self._announce()),
            ):
                group.create_task(work, name=name)

    async def _sync(self, watches: Watches, replicas: Replicas) -> None:
        """Say when all was put once."""
        synced = asyncio.ensure_future(watches.wait_synced())
        while not (await asyncio.wait((synced,), timeout=UNSYNCED_SECONDS))[0]:
            log.warning("not synced", extra={"missing": watches.unsynced()})
        await self._until_done("replicas", replicas.look)
        log.info("synced")
        self._feed.set_synced()

    async def _hypervisors_synced(
        self, watches: Watches, objects: HypervisorObjects, feeder: Feeder, hypervisors: Hypervisors
    ) -> None:
        """From then on Hypervisors are made and written."""
        await asyncio.gather(watches.wait_synced(), watches.hypervisors.wait_synced())
        objects.synced = True
        hypervisors.all_known(feeder.hosts)

    async def _announce(self) -> None:
        """Write where we listen on our own Pod, for agents and the other seats."""
        settings = self._settings
        if not settings.pod_name or not settings.place.addresses:
            return
        text = write_addresses(settings.place.addresses, settings.place.port)
        patch: JsonObject = {"metadata": {"annotations": {ANNOTATION_ADDRESSES: text}}}

        async def annotate() -> None:
            try:
                await self._client.patch(PODS, settings.pod_name, patch, settings.namespace)
            except NotFound:
                log.warning("own Pod not found", extra={"object": f"{settings.namespace}/{settings.pod_name}"})

        await self._until_done("announce", annotate)

    async def _cluster_id(self) -> str:
        """The uid of namespace kube-system, which every cluster has and no two share."""
        found = ""

        async def ask() -> None:
            nonlocal found
            found = str((await self._client.get(NAMESPACES, "kube-system"))["metadata"]["uid"])

        await self._until_done("cluster", ask)
        return found

    async def _until_done(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Try until the API server lets it be done."""
        backoff = Backoff(self._random, max_seconds=LAST_RETRY_SECONDS)
        while True:
            try:
                await work()
            except KubeError as error:
                log.warning("work is tried again", extra={"work": what, "error": str(error)})
                await asyncio.sleep(backoff.next_seconds())
            else:
                return

    def _take(self, line: JsonObject) -> None:
        """The hot process wants something, or says only that it goes on."""
        self._rank.spoke()
        if "alive" in line:
            return
        if self._orders is None:
            self._early.put(line)
        else:
            self._orders.take(line)

    def _begin(self, orders: Orders) -> None:
        """From here on orders are carried out; first those that came before."""
        self._orders = orders
        for line in self._early.take():
            orders.take(line)
