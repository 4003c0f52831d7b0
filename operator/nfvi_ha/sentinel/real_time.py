"""Real-time scheduling for the hot process, where it is permitted (facts/detection.md 1.5)."""

import logging
import os
from typing import Final

log = logging.getLogger(__name__)

PRIORITY: Final = 5
NICE: Final = -20


def ask_for_real_time() -> bool:
    """Run under SCHED_RR, or failing that with nice -20; whether the first was permitted.

    Needs CAP_SYS_NICE, and a kernel without CONFIG_RT_GROUP_SCHED or with a real-time budget for our cgroup. Threads
    and children do not inherit it: the spool, name look-ups and the scribe must never run before everybody else.
    """
    policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(PRIORITY))
    except OSError as error:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
        except OSError as second:
            log.info("no real-time scheduling, and no better nice", extra={"error": f"{error}; {second}"})
            return False
        log.info("no real-time scheduling; nice -20 instead", extra={"error": str(error)})
        return False
    return True
