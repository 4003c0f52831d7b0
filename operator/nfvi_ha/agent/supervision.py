"""Runs the probes: one that fails is counted, logged, and started again."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

from nfvi_ha.agent.faults import FaultTable
from nfvi_ha.agent.inventory import InventoryBook
from nfvi_ha.agent.probe import Probe
from nfvi_ha.kube.backoff import Backoff

log = logging.getLogger(__name__)

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 10.0
PROVEN_SECONDS: Final = 60.0
"""A probe that ran so long begins anew with the shortest back-off."""


async def keep_running(
    probe: Probe,
    table: FaultTable,
    inventory: InventoryBook,
    failed: Callable[[str], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Run one probe until cancelled, whatever it raises."""
    backoff = Backoff(random.random, first_seconds=FIRST_SECONDS, max_seconds=LONGEST_SECONDS)
    while True:
        started = monotonic()
        try:
            await probe.run(table, inventory)
        except Exception:
            # A probe reads what a broken host shows: one that cannot bear it must not take the others along.
            log.exception("probe failed", extra={"probe": probe.name})
        else:
            log.error("probe ended", extra={"probe": probe.name})
        failed(probe.name)
        if monotonic() - started > PROVEN_SECONDS:
            backoff.reset()
        await asyncio.sleep(backoff.next_seconds())
