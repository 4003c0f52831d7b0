"""The operator's replicas, watched from outside: whoever is missing is told to the hot process (H1)."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from nfvi_ha.api.names import LABEL_MEMBER_OF
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.redundancy import lost_replicas
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.resources import LEASES
from nfvi_ha.kube.views import lease_view
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind

log = logging.getLogger(__name__)

OPERATOR_LEASE: Final = "nfvi-ha-operator"
"""The group that the operator's replicas announce themselves in."""
RESOURCE_KIND: Final = "OperatorReplica"
PERIOD_SECONDS: Final = 2.0


class Replicas:
    """Looks at the member Leases and keeps the feed as they say.

    They are listed, not watched: an answer proves that the API server was there when nothing had changed.

    Args:
        client: what reads.
        feed: what is told.
        book: incidents known: one that is open says that its replica was lost before we started.
        namespace: our own.
        expected: how many replicas there should be.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: KubeClient,
        feed: Feed,
        book: IncidentBook,
        *,
        namespace: str,
        expected: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._feed = feed
        self._book = book
        self._namespace = namespace
        self._expected = expected
        self._clock = clock
        self._renewed: dict[str, tuple[str, float]] = {}
        """Identity -> version of its Lease, and when we first saw that (monotonic seconds)."""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except KubeError as error:
                log.info("replicas not seen", extra={"error": str(error)})
            await asyncio.sleep(PERIOD_SECONDS)

    async def look(self) -> None:
        """Look once.

        Raises:
            KubeError: the API server did not say.
        """
        selector = f"{LABEL_MEMBER_OF}={OPERATOR_LEASE}"
        records = await self._client.list(LEASES, self._namespace, label_selector=selector)
        now = self._clock()
        present: dict[str, tuple[str, float]] = {}
        for lease in filter(None, map(lease_view, records)):
            known = self._renewed.get(lease.holder)
            same = known is not None and known[0] == lease.resource_version
            present[lease.holder] = known if known is not None and same else (lease.resource_version, now)
        self._renewed = present
        verdicts = lost_replicas(
            {identity: at for identity, (_, at) in present.items()}, self._known_lost(), self._expected, now
        )
        for identity, lost in verdicts.items():
            self._feed.put(FeedKind.REDUNDANCY, identity, {"lost": lost})
        for identity in self._feed.keys(FeedKind.REDUNDANCY):
            if identity not in verdicts:
                self._feed.drop(FeedKind.REDUNDANCY, identity)

    def _known_lost(self) -> set[str]:
        reported = {
            incident.fault.resource.name
            for incident in self._book.open_incidents()
            if incident.fault.kind is FaultKind.REDUNDANCY_LOST and incident.fault.resource.kind == RESOURCE_KIND
        }
        told = self._feed.keys(FeedKind.REDUNDANCY)
        return reported | {name for name in told if (self._feed.value(FeedKind.REDUNDANCY, name) or {}).get("lost")}
