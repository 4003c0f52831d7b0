"""The operator's part in watching hypervisors: policies judged, replicas counted, keys made and handed out."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from prometheus_client import CollectorRegistry

from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.workqueue import WorkQueue
from nfvi_ha.operator.keys.bearer import Reviewer
from nfvi_ha.operator.keys.desk import KeyDesk, Secrets
from nfvi_ha.operator.keys.keeper import KeyKeeper
from nfvi_ha.operator.keys.service import KeyService
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.policies import ALL, PolicyController
from nfvi_ha.operator.replicas import Members, Replicas
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.operator.settings import OperatorSettings
from nfvi_ha.operator.story import Story
from nfvi_ha.operator.world import World
from nfvi_ha.reporting.clock import Clock

NODES_SECONDS: Final = 1.0
"""Nodes that come or change their labels together are counted once."""
MakeQueue = Callable[[str, Callable[[str], Coroutine[Any, Any, None]], int], WorkQueue[str]]


class HypervisorSide:
    """Made by the operator, which runs ``always`` from the start and ``work`` once everything was seen.

    Args:
        settings: of this replica.
        client: asks; changes nothing.
        changes: refuses every change that is made without surely holding the Lease.
        cluster: name of this NFVI.
        world: what is there.
        book: all incidents.
        reporter: raises and clears.
        story: makes Events.
        members: replicas that announced themselves.
        secrets: of our namespace, as the watch shows them.
        leading: whether this replica holds the Lease.
        synced: whether everything was seen once.
        queue: makes a work queue: name, work, concurrency.
        clock: time.
        metrics: where errors and refusals are counted.
        registry: for metrics of their own.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        client: KubeClient,
        changes: KubeClient,
        cluster: str,
        world: World,
        book: IncidentBook,
        reporter: Reporter,
        story: Story,
        members: Members,
        secrets: Secrets,
        leading: Callable[[], bool],
        synced: Callable[[], bool],
        queue: MakeQueue,
        clock: Clock,
        metrics: OperatorMetrics,
        registry: CollectorRegistry,
    ) -> None:
        self._policies = PolicyController(
            world=world, client=changes, emit=story.of_policy, leading=leading, clock=clock, metrics=metrics
        )
        self._queue = queue("policies", self._policies.reconcile, 1)
        self._replicas = Replicas(
            members,
            expected=settings.replicas,
            book=book,
            reporter=reporter,
            leading=leading,
            ready=synced,
            clock=clock,
        )
        self._keys = KeyDesk(
            settings,
            KeyKeeper(changes, settings.namespace, settings.key_service_names, now=clock.now),
            secrets=secrets,
            leading=lambda: leading() and synced(),
            metrics=metrics,
        )
        self._service = KeyService(
            Reviewer(client, settings.namespace, settings.agent_service_account),
            lambda: self._keys.keys,
            cluster=cluster,
            clock=clock.monotonic,
            registry=registry,
        )

    def always(self) -> Coroutine[Any, Any, None]:
        """Runs from the start: agents get their keys as soon as there are any."""
        return self._keys.serve(self._service)

    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Runs once everything was seen."""
        return self._queue.run(), self._replicas.run(), self._keys.keep()

    def not_ready(self) -> list[str]:
        """What is missing, in words."""
        return self._keys.not_ready()

    def policy_changed(self, _: str) -> None:
        """An HAPolicy came, changed or went."""
        self._queue.add(ALL)

    def nodes_changed(self) -> None:
        """A node came or went, or has other labels."""
        self._queue.add_after(ALL, NODES_SECONDS)

    def secrets_changed(self) -> None:
        """A Secret of our namespace changed."""
        self._keys.secrets_changed()

    def leadership_changed(self) -> None:
        """Leadership came or went: what we wrote last may not be what stands there now."""
        self._policies.forget_written()
        self._queue.add(ALL)
