"""One sentinel: everything is made and wired here. What runs, and in which order it stops, is in ``run``."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.verdicts import Verdicts
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.core.wire.keys import VOTE_KEY_ID
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.sentinel.agent_faults import AgentFaults
from nfvi_ha.sentinel.answers import Answers
from nfvi_ha.sentinel.chores import Chores
from nfvi_ha.sentinel.feed import Feed
from nfvi_ha.sentinel.gauges import register_gauges
from nfvi_ha.sentinel.handover import Handover
from nfvi_ha.sentinel.host_report import HostReports
from nfvi_ha.sentinel.hosts import Hosts
from nfvi_ha.sentinel.icmp import Pinger
from nfvi_ha.sentinel.inbox import Inbox
from nfvi_ha.sentinel.judge import Judge
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.metrics import SentinelMetrics
from nfvi_ha.sentinel.numbers import verdict_policy
from nfvi_ha.sentinel.open_ports import OpenPorts
from nfvi_ha.sentinel.permits import Permits
from nfvi_ha.sentinel.port import Listen
from nfvi_ha.sentinel.prober import Prober
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.roster import Roster
from nfvi_ha.sentinel.scribe_link import ScribeLink, scribe_command
from nfvi_ha.sentinel.seats import Seats
from nfvi_ha.sentinel.settings import SentinelSettings
from nfvi_ha.sentinel.sources import Sources
from nfvi_ha.sentinel.spool import Spool
from nfvi_ha.sentinel.teller import Teller
from nfvi_ha.sentinel.turns import Turns
from nfvi_ha.sentinel.ways import Ways

SPOOL: Final = "spool"
SCRIBE_CONFIG: Final = "scribe.json"
FAILED: Final = frozenset({NodeState.FAILED, NodeState.HUNG, NodeState.MASS_FAILURE})
"""States in which a node gets no permit to live on."""


class Sentinel:
    """The parts of one seat's hot process. Make it on a running loop.

    Raises:
        OSError: an address cannot be listened on.
    """

    def __init__(
        self,
        settings: SentinelSettings,
        registry: CollectorRegistry,
        *,
        incarnation: int,
        nonce: int,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.settings = settings
        self._spawn = spawn
        self.clock = Clock()
        self.metrics = metrics = SentinelMetrics(registry)
        self.book = IncidentBook()
        self.ledger = Ledger()
        self.lives = Lives()
        self.networks = tuple(settings.addresses)
        self.verdicts = Verdicts(settings.seat, verdict_policy({}, self.networks))
        self.sources = Sources(settings.seat, nonce)
        self.feed = Feed(
            lambda change: self.roster.changed(change),
            lambda kind, reason: metrics.feed_refused.labels(kind, reason).inc(),
        )
        self.ways = Ways(settings, self.feed, self.lives, self.verdicts.state)
        self.deliverer = Deliverer(
            on_outcome=lambda outcome: self.teller.on_outcome(outcome), metrics=DeliveryMetrics(registry)
        )
        self.scribe = ScribeLink(
            scribe_command(settings.state_dir / SCRIBE_CONFIG),
            on_start=self._scribe_started,
            on_line=self.feed.line,
            on_restart=metrics.scribe_restarts.inc,
            on_defect=metrics.errors.labels("scribe").inc,
        )
        self._tell_part(incarnation)
        self._judge_part(incarnation)
        register_gauges(self, registry)

    @property
    def cluster_name(self) -> str:
        """Name of this NFVI; "" while it is not known."""
        return self.settings.cluster or (self.feed.config.cluster if self.feed.config is not None else "")

    def _tell_part(self, incarnation: int) -> None:
        """What is told, and kept until somebody else has it."""
        settings, clock, metrics, loop = self.settings, self.clock, self.metrics, asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self.spool = Spool(
            settings.state_dir / SPOOL,
            self.executor,
            on_saved=lambda incident, version: self.handover.saved(incident, version),
            on_error=lambda _: self.metrics.spool_errors.inc(),
        )
        self.handover = Handover(
            book=self.book,
            ledger=self.ledger,
            spool=self.spool,
            send=self.scribe.send,
            withdraw=self.deliverer.withdraw,
            after=loop.call_later,
            namespace=settings.namespace,
            cluster=lambda: self.cluster_name,
            on_defect=metrics.errors.labels("record").inc,
        )
        self.seats = Seats(
            incarnation=incarnation,
            sources=self.sources,
            places=self.ways.seat,
            send=lambda network, data, place: self.receiver.send(network, data, place),
            clock=clock,
        )
        self.teller = Teller(
            book=self.book,
            ledger=self.ledger,
            submitter=self.deliverer,
            turns=Turns(settings.seat, self.seats.alive),
            mark=self.handover.mark,
            is_written=self.handover.is_written,
            tell_seats=self.seats.told,
            on_step=lambda incident: self.reports.changed(incident.fault.node),
            after=loop.call_later,
            clock=clock,
            cluster=lambda: self.cluster_name or "unknown",
            source=f"sentinel/{settings.seat}",
        )

    def _judge_part(self, incarnation: int) -> None:
        """What is heard and judged."""
        settings, clock, lives = self.settings, self.clock, self.lives
        self.permits = Permits(clock.monotonic, lambda node: self.verdicts.state(node) not in FAILED)
        self.reports = HostReports(
            seat=settings.seat,
            book=self.book,
            lives=lives,
            permits=self.permits,
            clock=clock,
            send=self.scribe.send,
        )
        self.hosts = Hosts(
            book=self.book,
            teller=self.teller,
            lives=lives,
            vms=lambda: self.feed.vms,
            is_current=lambda: self.feed.synced and self.scribe.connected,
            cluster=lambda: self.cluster_name,
            clock=clock,
        )
        self.faults = AgentFaults(
            lives=lives,
            book=self.book,
            teller=self.teller,
            handover=self.handover,
            vm_of=self.feed.vms.get,
            is_governed=self._is_governed,
            clock=clock,
            on_refused=lambda _: self.metrics.faults_refused.inc(),
            on_defect=self.metrics.errors.labels("fault").inc,
        )
        self.answers = Answers(
            seat=settings.seat,
            nonce=self.sources.nonce,
            faults=self.faults,
            permits=self.permits,
            episode=self.verdicts.episode,
            cluster=lambda: self.sources.cluster,
            soon=lambda node: self.receiver.answer_soon(node),
        )
        self.pinger = Pinger(lambda number: self.prober.pinged(number))
        self.ports = OpenPorts(self.ways.candidates, clock.monotonic)
        self.prober = Prober(
            seat=settings.seat,
            send=lambda network, data, place: self.receiver.send(network, data, place),
            reach=lambda node: self.ways.reach(node, self.ports),
            place=self.ways.agent,
            cluster=lambda: self.sources.cluster,
            pings=self.pinger,
            report=lambda node, network, method, outcome, by: self.judge.do(
                self.verdicts.probed(node, network, method, outcome, by, clock.monotonic())
            ),
            spawn=self._spawn,
        )
        self.inbox = Inbox(
            verdicts=self.verdicts,
            do=lambda outputs: self.judge.do(outputs),
            lives=lives,
            faults=self.faults,
            answers=self.answers,
            prober=self.prober,
            seats=self.seats,
            teller=self.teller,
            reports=self.reports,
        )
        listen = [Listen(address, settings.port, index) for index, address in enumerate(settings.addresses.values())]
        self.receiver = Receiver(listen, self.sources, self.inbox)
        self.roster = Roster(
            feed=self.feed,
            networks=self.networks,
            verdicts=self.verdicts,
            do=lambda outputs: self.judge.do(outputs),
            book=self.book,
            ledger=self.ledger,
            teller=self.teller,
            handover=self.handover,
            deliverer=self.deliverer,
            forget=self._forget,
            keys_changed=self._keys_changed,
            clock=clock,
        )
        self.chores = Chores(self)
        self.judge = Judge(
            verdicts=self.verdicts,
            drain=self.receiver.drain,
            hosts=self.hosts,
            prober=self.prober,
            seats=self.seats,
            reports=self.reports,
            lives=lives,
            chores=self.chores.tick,
            clock=clock,
            metrics=self.metrics,
        )

    def _is_governed(self, node: str) -> bool:
        entry = self.feed.nodes.get(node)
        return entry is not None and entry.governed

    def _keys_changed(self) -> None:
        """Keys or nodes are others: the receiver hears those, and only those."""
        config = self.feed.config
        if config is not None and self.cluster_name:
            votes = {VOTE_KEY_ID: config.vote_key} if config.vote_key else {}
            self.sources.configure(cluster_id(self.cluster_name), config.master_keys, votes)
        self.sources.set_nodes(self.feed.nodes)
        for node in self.lives.nodes():
            life = self.lives.get(node)
            if life is not None and life.untold and self._is_governed(node):
                self.faults.changed(life)

    def _forget(self, node: str) -> None:
        self.answers.forget(node)
        self.faults.forget(node)
        self.reports.forget(node)
        self.lives.forget(node)

    def _scribe_started(self) -> None:
        self.feed.begin()
        self.chores.scribe_started()
        self.handover.resend()
        self.reports.restart()

    def not_ready(self) -> list[str]:
        """What is missing before this seat can judge, in words."""
        missing = []
        if self.feed.config is None:
            missing.append("no configuration: neither a cache nor a scribe that told one")
        if not self.feed.nodes:
            missing.append("no hypervisors are expected")
        if not self.chores.is_warm(time.monotonic()):
            missing.append("warming up")
        return missing
