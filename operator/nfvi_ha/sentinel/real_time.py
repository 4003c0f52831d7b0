"""Real-time scheduling for the hot process, where it is permitted (facts/detection.md 1.5)."""

import logging
import os
from typing import Final

from nfvi_ha.scheduling import Scheduling, prefer

log = logging.getLogger(__name__)

PRIORITY: Final = 5


def ask_for_real_time() -> bool:
    """Run under SCHED_RR, or failing that with nice -20; whether the first was permitted.

    Threads and children do not inherit it: the spool, name look-ups and the scribe are as everybody else.
    """
    granted = prefer(os.SCHED_RR, PRIORITY)
    if granted is not Scheduling.REAL_TIME:
        log.info("no real-time scheduling", extra={"instead": granted.value})
    return granted is Scheduling.REAL_TIME
