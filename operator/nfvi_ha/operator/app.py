"""The operator process: everything is made, wired and started here, and stopped in order."""

import asyncio
import gc
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.views import VmView
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.lease import LeaseElector, LeaseMetrics
from nfvi_ha.kube.membership import Membership
from nfvi_ha.kube.recorder import EventRecorder, RecorderMetrics
from nfvi_ha.kube.workqueue import WorkQueue
from nfvi_ha.operator.endpoints import EndpointController
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.gather import Gatherer
from nfvi_ha.operator.hypervisor_side import HypervisorSide
from nfvi_ha.operator.kopf_thread import KopfThread
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.own_kinds import OwnKinds
from nfvi_ha.operator.precedence import Precedence
from nfvi_ha.operator.records import Records
from nfvi_ha.operator.recovery import RecoveryTeller
from nfvi_ha.operator.replicaset_controller import ReplicaSetController
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.operator.retention import present
from nfvi_ha.operator.set_status import StatusWriter
from nfvi_ha.operator.settings import LEASE_NAME, OperatorSettings
from nfvi_ha.operator.story import Story
from nfvi_ha.operator.vm_actions import VmActions
from nfvi_ha.operator.vm_watch import VmWatch
from nfvi_ha.operator.watches import Reactions, Watches
from nfvi_ha.operator.world import SetKey, World
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.metrics import DeliveryMetrics
from nfvi_ha.reporting.outcome import DeliveryOutcome
from nfvi_ha.reporting.record.ledger import Ledger

log = logging.getLogger(__name__)

WRITE_MARGIN_SECONDS: Final = 0.5
"""No change is begun when the Lease is ours for less."""
SWEEP_SECONDS: Final = 30.0
STATUS_SECONDS: Final = 1.0
"""How far an endpoint's counts in its status may lag."""
STOP_SECONDS: Final = 5.0
CHANGES_IN_FLIGHT: Final = 12
"""Changes sent at once, and as many records. More make no API server faster, but Lease renewals wait behind them."""
EXPIRES_SECONDS: Final = 86_400.0
"""Of notifications to an endpoint whose own word on it cannot be read."""
COMPONENT: Final = "nfvi-ha.io/operator"


class Operator:
    """One operator replica. Make it on a running loop; ``run`` ends when ``stop`` is set."""

    def __init__(
        self,
        settings: OperatorSettings,
        client: KubeClient,
        cluster: str,
        registry: CollectorRegistry,
        stop: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._client = client
        self._registry = registry
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deliverable: frozenset[tuple[str, int]] = frozenset()
        self._stop = stop
        self._failure: BaseException | None = None
        self._clock = clock = Clock()
        self._metrics = metrics = OperatorMetrics(self._registry)
        self._elector = LeaseElector(
            client,
            settings.namespace,
            LEASE_NAME,
            settings.identity,
            on_change=self._on_leadership,
            metrics=LeaseMetrics(self._registry),
        )
        self._membership = Membership(client, self._elector, settings.namespace, LEASE_NAME)
        self._precedence = Precedence(
            clock.monotonic, lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call)
        )
        # Every change goes through one of these: it is refused when the Lease is not surely ours, and reports go first.
        # Two, so that the records of 500 failures do not stand in line behind the creation of 500 replacements.
        changes, records = (
            client.lane(
                guard=self._elector.guard(WRITE_MARGIN_SECONDS),
                before=self._precedence.wait,
                in_flight=CHANGES_IN_FLIGHT,
            )
            for _ in range(2)
        )
        self._recorder = EventRecorder(
            client.lane(before=self._precedence.wait),
            COMPONENT,
            settings.identity,
            metrics=RecorderMetrics(self._registry),
        )
        self._story = Story(self._recorder, self._leads, settings.namespace)
        self._world = world = World(NodeFreshness())
        self._book = book = IncidentBook()
        self._ledger = ledger = Ledger()
        self._deliverer = Deliverer(
            on_outcome=self._on_outcome,
            on_submitted=self._precedence.on_submitted,
            on_reachable=self._on_reachable,
            metrics=DeliveryMetrics(self._registry),
        )
        self._records = Records(
            records,
            book=book,
            ledger=ledger,
            secrets=lambda: self._watches.secrets,
            reporter=lambda: self._reporter,
            present=lambda: present(world, self._membership.live_members()),
            leading=lambda: self._leads() and self._synced(),
            mark=self._mark,
            after=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
            on_written=self._on_written,
            on_learned=self._on_learned,
            emit=lambda regarding, type_, reason, note: self._recorder.emit(regarding, type_, reason, note, "Read"),
            clock=clock,
            metrics=metrics,
            namespace=settings.namespace,
            cluster=cluster,
            policy=settings.retention,
        )
        self._reporter = Reporter(
            book=book,
            ledger=ledger,
            submitter=self._deliverer,
            endpoints=self._expiries,
            rank=lambda: self._membership.rank,
            mark=self._mark,
            is_closed=self._records.outbox.is_closed,
            went_by=self._went_by,
            after=lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
            on_step=self._story.step,
            clock=clock,
            metrics=metrics,
            cluster=cluster,
            source=f"operator/{settings.identity}",
        )
        self._vm_watch = VmWatch(
            world=world,
            book=book,
            reporter=self._reporter,
            client=client,
            clock=clock,
            leading=self._leads,
            ready=self._synced,
            spawn=self._spawn,
        )
        self._watches = Watches(client, world, settings.namespace, self._reactions(), self._registry)
        self._endpoints = EndpointController(
            world=world,
            secrets=self._watches.secrets,
            deliverer=self._deliverer,
            client=changes,
            emit=self._story.of_endpoint,
            leading=self._leads,
            clock=clock,
            metrics=metrics,
        )
        self._status = StatusWriter(changes, clock)
        self._sets = ReplicaSetController(
            world=world,
            gatherer=Gatherer(world, book, clock, self._vm_watch.evidence, self._records.outbox.is_written),
            actions=VmActions(changes, world),
            status=self._status,
            teller=RecoveryTeller(book, self._reporter, clock),
            emit=self._story.of_set,
            leading=self._leads,
            wake=lambda key, seconds: self._set_queue.add_after(key, seconds),
            clock=clock,
            metrics=metrics,
        )
        self._hypervisors = HypervisorSide(
            settings,
            client=client,
            changes=changes,
            cluster=cluster,
            world=world,
            book=book,
            reporter=self._reporter,
            story=self._story,
            members=self._membership,
            secrets=lambda: self._watches.secrets,
            leading=self._leads,
            synced=self._synced,
            queue=self._queue,
            clock=clock,
            metrics=metrics,
            registry=registry,
        )
        self._set_queue: WorkQueue[SetKey] = self._queue("sets", self._sets.reconcile, settings.workers)
        self._record_queue: WorkQueue[str] = self._queue("records", self._records.outbox.write, settings.record_workers)
        self._endpoint_queue: WorkQueue[str] = self._queue("endpoints", self._endpoints.reconcile, 2)
        self._own_kinds = OwnKinds(
            world,
            client,
            on_set=self._set_queue.add,
            on_endpoint=self._on_endpoint,
            on_policy=self._hypervisors.policy_changed,
            watched=lambda: self._kopf.ready,
        )
        self._kopf = KopfThread(self._own_kinds, lambda error: metrics.work_error("kopf", error))

    async def run(self) -> None:
        """Work until ``stop`` is set; what is under way then gets 5 s.

        Raises:
            BaseException: that of a task that must never end and did.
        """
        for work in (
            self._elector.run(),
            self._membership.run(),
            self._recorder.run(),
            self._watches.run(),
            self._own_kinds.run(),
            self._hypervisors.always(),
            self._begin(),
        ):
            self._spawn(work)
        self._kopf.start()
        try:
            await self._stop.wait()
        finally:
            await self._end()
        if self._failure is not None:
            raise self._failure

    async def _begin(self) -> None:
        """Nothing is judged or changed before everything was seen once."""
        await asyncio.gather(self._watches.wait_synced(), self._own_kinds.synced.wait())
        log.info("synced", extra={"vms": len(self._world.vms), "sets": len(self._world.sets)})
        gc.freeze()  # what is there now stays; later collections need not look at it
        self._refresh_endpoints()
        if self._leads():
            self._reporter.resume()
        self._vm_watch.judge_all()
        for queue in (self._set_queue, self._record_queue, self._endpoint_queue):
            self._spawn(queue.run())
        for work in (
            self._sweep(),
            self._records.keep_key(),
            self._records.keep_few(),
            *self._hypervisors.work(),
        ):
            self._spawn(work)
        self._on_leadership(self._leads())

    async def _sweep(self) -> None:
        """What no event asks for: leftovers, refused memory, VMs gone without a successor."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for key in self._world.sets:
                self._set_queue.add(key)
            if self._leads():
                self._vm_watch.clear_gone()
                self._vm_watch.clear_survivors()
                self._reporter.resume()
                for vm in self._world.vms.values():
                    if vm.owner is not None and vm.owner.kind == "VNFReplicaSet":
                        self._set_queue.add((vm.namespace, vm.owner.name))

    async def _end(self) -> None:
        """Stop changing, hand the Lease on, let notifications under way arrive, close."""
        log.info("operator stops")
        grace = STOP_SECONDS / 2
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(
            self._elector.release(),
            self._membership.leave(),
            self._deliverer.close(grace),
            self._recorder.flush(grace),
            self._kopf.stop(grace),
        )

    def _on_leadership(self, leads: bool) -> None:
        log.info("leadership", extra={"leads": leads, "identity": self._settings.identity})
        self._sets.forget_written()
        self._status.forget()
        self._endpoints.forget_written()
        self._hypervisors.leadership_changed()
        if not leads:
            self._reporter.stop_leading()
        if not leads or not self._synced():
            return
        # Finish what is open; then judge everything anew, for the book may lack what the last leader did not write.
        # In this order: nothing new on a resource may pass by what is still owed of it.
        self._records.take_over()
        self._reporter.resume()
        self._vm_watch.judge_all()
        for key in self._world.sets:
            self._set_queue.add(key)
        for name in self._world.endpoints:
            self._endpoint_queue.add(name)

    def _reactions(self) -> Reactions:
        return Reactions(
            judge=self._vm_watch.judge,
            vm_gone=self._on_vm_gone,
            judge_node=self._vm_watch.judge_node,
            reconcile=lambda key: self._set_queue.add(key),
            nodes_changed=lambda: self._hypervisors.nodes_changed(),
            read_incident=self._records.intake.view,
            incident=self._records.changed,
            secrets_changed=self._on_secrets,
        )

    def _went_by(self, incident: Incident) -> bool:
        return not self._records.outbox.is_written(incident.id) and not self._vm_watch.is_there(incident)

    def _on_vm_gone(self, vm: VmView) -> None:
        self._vm_watch.forget(vm)
        if self._leads() and self._synced():
            self._vm_watch.clear_vm(vm)

    def _on_endpoint(self, name: str) -> None:
        if not self._synced():
            return
        before = self._deliverable
        self._refresh_endpoints()
        if self._leads() and before != self._deliverable:
            self._reporter.resume()  # at once: nothing newer may pass by what a new endpoint is owed
        self._endpoint_queue.add(name)

    def _on_secrets(self) -> None:
        self._records.secrets_changed()
        self._hypervisors.secrets_changed()
        if self._synced():
            self._refresh_endpoints()
            if self._leads():
                self._reporter.resume()
            for name in self._world.endpoints:
                self._endpoint_queue.add(name)

    def _refresh_endpoints(self) -> None:
        self._endpoints.refresh()
        self._deliverable = frozenset((each.uid, each.generation) for each in self._world.endpoints.values())

    def _expiries(self) -> dict[str, float]:
        """The VIMEndpoints that exist, with the seconds after which their notifications expire."""
        models = {name: entry.model for name, entry in self._world.endpoints.items()}
        return {
            name: model.spec.retry.expires_after.total_seconds() if model else EXPIRES_SECONDS
            for name, model in models.items()
        }

    def _on_outcome(self, outcome: DeliveryOutcome) -> None:
        self._precedence.on_outcome(outcome)
        self._reporter.on_outcome(outcome)
        self._endpoints.count(outcome)
        self._endpoint_queue.add_after(outcome.endpoint, STATUS_SECONDS)

    def _on_reachable(self, name: str, reachable: bool, reason: str) -> None:
        self._endpoints.tell_reachable(name, reachable, reason)
        self._endpoint_queue.add(name)

    def _on_written(self, incident: str) -> None:
        known = self._book.get(incident)
        if known is not None and known.fault.vnf:
            self._set_queue.add((known.fault.resource.namespace, known.fault.vnf))

    def _on_learned(self, before: Incident | None, after: Incident) -> None:
        """What a sentinel saw may be all that a plan waits for: an agent's word that a VM's process is gone."""
        if not self._synced():
            return
        self._story.learned(before, after)
        self._vm_watch.learned(after)
        self._on_written(after.id)

    def _mark(self, incident: str, seconds: float) -> None:
        if self._leads():
            self._record_queue.add_after(incident, seconds)

    def _leads(self) -> bool:
        return self._elector.is_leader

    def _synced(self) -> bool:
        return self._watches.synced() and self._own_kinds.synced.is_set()

    def not_ready(self) -> list[str]:
        """What is missing, in words; empty when there is nothing."""
        missing = [f"informer {name} is not synced" for name in self._watches.unsynced()]
        if not self._own_kinds.synced.is_set() or not self._kopf.ready:
            missing.append("own kinds are not watched")
        if not self._elector.holder:
            missing.append("no replica holds the Lease")
        return missing + self._hypervisors.not_ready()

    def _queue(self, name: str, work: Callable[[Any], Awaitable[None]], concurrency: int) -> WorkQueue[Any]:
        async def after_reports(key: Any) -> None:
            # Before it is begun, too: what is planned in the middle of a burst would have to be planned again.
            await self._precedence.wait()
            await work(key)

        return WorkQueue(
            name, after_reports, concurrency=concurrency, on_error=self._metrics.work_error, jitter=random.random
        )

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A loop that must never end has ended: better to be started anew than to be half dead.
            log.critical("operator task failed", exc_info=error)
            self._metrics.work_error("operator", error if isinstance(error, Exception) else RuntimeError(str(error)))
            self._failure = error
            self._stop.set()
