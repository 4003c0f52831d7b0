"""What follows from a change of the feed: expected hypervisors, numbers, endpoints, records, and losses to tell."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.verdict.inputs import NodeFacts
from nfvi_ha.core.verdict.outputs import Outputs
from nfvi_ha.core.verdict.verdicts import Verdicts
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.delivery import Deliverer
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.sentinel.departures import Departures
from nfvi_ha.sentinel.entries import RedundancyEntry, WrittenEntry
from nfvi_ha.sentinel.feed import Change, Feed
from nfvi_ha.sentinel.handover import Handover
from nfvi_ha.sentinel.hosts import HYPERVISOR_KIND, NFVI_KIND
from nfvi_ha.sentinel.local_faults import COMPONENT_KIND
from nfvi_ha.sentinel.numbers import verdict_policy
from nfvi_ha.sentinel.scribe.lines import FeedKind
from nfvi_ha.sentinel.teller import Teller

log = logging.getLogger(__name__)

REPLICA_KIND: Final = "OperatorReplica"
CAUSE_REPLICA_GONE: Final = "ReplicaGone"
HOST_KINDS: Final = frozenset(
    {
        FaultKind.HYPERVISOR_FAILED,
        FaultKind.HYPERVISOR_UNREACHABLE,
        FaultKind.HYPERVISOR_NETWORK,
        FaultKind.AGENT_LOST,
        FaultKind.MASS_FAILURE,
    }
)
"""Faults that the verdicts raise and clear."""


class Roster:
    """Applies changes: at once where order matters, else once per turn of the loop.

    Args:
        feed: as it stands.
        networks: names of those that this sentinel listens on.
        verdicts: judge the roster.
        do: does what they ask for.
        book: all incidents.
        ledger: all deliveries.
        teller: tells.
        handover: is told what is written.
        deliverer: gets the endpoints.
        forget: told of each node that left for good.
        keys_changed: told when keys or nodes changed, for the receiver.
        clock: time.
    """

    def __init__(
        self,
        *,
        feed: Feed,
        networks: tuple[str, ...],
        verdicts: Verdicts,
        do: Callable[[Outputs], None],
        book: IncidentBook,
        ledger: Ledger,
        teller: Teller,
        handover: Handover,
        deliverer: Deliverer,
        forget: Callable[[str], None],
        keys_changed: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._feed = feed
        self._networks = networks
        self._verdicts = verdicts
        self._do = do
        self._book = book
        self._ledger = ledger
        self._teller = teller
        self._handover = handover
        self._deliverer = deliverer
        self._forget = forget
        self._keys_changed = keys_changed
        self._clock = clock
        self._dirty: set[FeedKind] = set()
        self._known: set[str] = set()
        self._departures = Departures()
        self._losses: dict[str, bool] = {}
        self._released: dict[str, str] = {}
        """Incidents of mass failures that an administrator released, with his name."""
        self.policy = verdict_policy({}, networks)
        """The numbers that verdicts are reached by now."""

    def changed(self, change: Change) -> None:
        """An entry is another one now."""
        self._dirty.add(change.kind)
        entry = change.entry
        match change.kind:
            case FeedKind.INCIDENT if isinstance(entry, IncidentRecord):
                self._handover.seen(change.key)
                self._teller.learn(entry)
                if entry.released_by and entry.incident.fault.kind is FaultKind.MASS_FAILURE:
                    self._released[change.key] = entry.released_by
            case FeedKind.INCIDENT:
                self._released.pop(change.key, None)
                if self._handover.gone(change.key):
                    self._book.forget(change.key)
                    self._ledger.forget(change.key)
            case FeedKind.WRITTEN if isinstance(entry, WrittenEntry):
                self._handover.written(change.key, entry)
            case FeedKind.REDUNDANCY:
                self._losses[change.key] = isinstance(entry, RedundancyEntry) and entry.lost
            case FeedKind.NODE if entry is not None:
                lease = self._feed.nodes[change.key].lease_stale
                self._do(self._verdicts.lease(change.key, lease, self._clock.monotonic()))

    def settle(self) -> None:
        """Apply what came since the last turn."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, set()
        now = self._clock.monotonic()
        if FeedKind.CONFIG in dirty and self._feed.config is not None:
            self.policy = verdict_policy(self._feed.config.policy, self._networks)
            self._verdicts.set_policy(self.policy, now)
        if FeedKind.NODE in dirty:
            self._set_nodes(now)
        if dirty & {FeedKind.CONFIG, FeedKind.NODE}:
            self._keys_changed()
        if FeedKind.ENDPOINT in dirty:
            self._deliverer.set_endpoints(self._feed.endpoints.values(), suspended=self._feed.suspended)
        if FeedKind.REDUNDANCY in dirty:
            self._tell_losses()
        if dirty & {FeedKind.INCIDENT, FeedKind.NODE}:
            self.recall(now)
            self._release(now)

    def recall(self, now: float) -> None:
        """Have the verdicts take what is open on record for theirs, so that its end is told."""
        opened = self._book.open_incidents()
        roots = [one for one in opened if one.fault.kind is FaultKind.MASS_FAILURE]
        for incident in opened:
            fault = incident.fault
            if fault.kind not in HOST_KINDS or fault.resource.kind not in {HYPERVISOR_KIND, COMPONENT_KIND, NFVI_KIND}:
                continue
            network = fault.resource.name.rpartition("/")[2] if fault.resource.kind == COMPONENT_KIND else ""
            boot_id = "" if fault.resource.kind == NFVI_KIND else fault.resource.uid
            known = (fault.kind, fault.node, network, boot_id, incident.episode)
            self._do(self._verdicts.recall(*known, now, of_mass=self._is_of_mass(fault, roots)))

    def _is_of_mass(self, fault: Fault, roots: Iterable[Incident]) -> bool:
        """Whether a host failed with others: it was told so, or it was among the first, before anybody knew."""
        window = timedelta(seconds=self.policy.mass_window_seconds)
        return any(
            fault.parent == root.id or timedelta(0) <= root.fault.detected_at - fault.detected_at <= window
            for root in roots
        )

    def _release(self, now: float) -> None:
        """Let go what is held, if the newest mass failure was released. A name on an older one says nothing of it."""
        roots = [one for one in self._book if one.fault.kind is FaultKind.MASS_FAILURE] if self._released else []
        newest = max(roots, key=lambda root: root.episode, default=None)
        by = self._released.get(newest.id) if newest is not None else None
        if by:
            self._do(self._verdicts.release_mass(by, now))

    def _set_nodes(self, now: float) -> None:
        nodes = self._feed.nodes
        facts = {
            name: NodeFacts(node.uid, node.boot_id, node.zone, self._networks, node.governed)
            for name, node in nodes.items()
        }
        self._do(self._verdicts.set_roster(facts, now))
        for name, node in nodes.items():
            if name not in self._known:
                self._do(self._verdicts.lease(name, node.lease_stale, now))
        self._departures.set(self._known, nodes, now)
        self._known = set(nodes)

    def is_gone(self, node: str) -> bool:
        """Whether a node is no part of the NFVI any more, since so long that it will hardly come back."""
        if not self._feed.synced or node in self._feed.nodes:
            return False
        return self._departures.is_gone(node, self._clock.monotonic(), self.policy.departed_seconds)

    def forget_gone(self) -> None:
        """Let go of nodes that left, as late as the verdicts do."""
        for name in self._departures.take(self._clock.monotonic(), self.policy.departed_seconds):
            self._forget(name)

    def _tell_losses(self) -> None:
        for identity, lost in self._losses.items():
            resource = ResourceRef(REPLICA_KIND, "", identity, "replica")
            if not lost:
                self._teller.clear(resource, FaultKind.REDUNDANCY_LOST, "the replica is there, or another in its place")
                continue
            self._teller.raise_fault(
                Fault(
                    kind=FaultKind.REDUNDANCY_LOST,
                    resource=resource,
                    cause=CAUSE_REPLICA_GONE,
                    message=f"replica {identity} of the operator is missing",
                    severity=Severity.MAJOR,
                    confidence=Confidence.HIGH,
                    detected_at=self._clock.now(),
                )
            )
        self._losses = {identity: lost for identity, lost in self._losses.items() if lost}
