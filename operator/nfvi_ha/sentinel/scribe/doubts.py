"""Leases that should have been renewed by now: asked for one by one, before anybody is called stale."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.lease_age import LeaseAges
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.resources import LEASES
from nfvi_ha.kube.views import lease_view

log = logging.getLogger(__name__)

PERIOD_SECONDS: Final = 1.0
MOST_PER_ROUND: Final = 32
NODE_LEASES: Final = "kube-node-lease"


class LeaseDoubts:
    """Reads doubtful Leases, so that a watch that is silently dead makes no node look dead.

    Args:
        client: what reads.
        ages: which are doubtful.
        renewed: takes what was read: node, renewTime, when it was asked for (monotonic seconds).
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: KubeClient,
        ages: LeaseAges,
        renewed: Callable[[str, str, float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._ages = ages
        self._renewed = renewed
        self._clock = clock

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except KubeError as error:
                log.info("leases not seen", extra={"error": str(error)})
            await asyncio.sleep(PERIOD_SECONDS)

    async def look(self) -> None:
        """Ask once for each that is doubtful, a bounded number of them.

        Raises:
            KubeError: the API server did not say.
        """
        for node in self._ages.doubtful(self._clock())[:MOST_PER_ROUND]:
            asked_at = self._clock()
            try:
                lease = lease_view(await self._client.get(LEASES, node, NODE_LEASES))
            except NotFound:
                self._ages.forget(node)
                continue
            if lease is not None:
                self._renewed(node, lease.renew_time, asked_at)
