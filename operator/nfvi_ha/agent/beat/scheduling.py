"""How the kernel shall treat the beat process: real-time where permitted, memory locked, no garbage collection."""

import ctypes
import gc
import os
from typing import Final

from nfvi_ha import scheduling
from nfvi_ha.scheduling import Scheduling

FIFO_PRIORITY: Final = 10
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_PDEATHSIG: Final = 1


def prefer() -> Scheduling:
    """Take the best that is permitted; the probes process gets none of it."""
    return scheduling.prefer(os.SCHED_FIFO, FIFO_PRIORITY)


def lock_memory() -> bool:
    """Keep in memory what is or will be touched, and only that; False if it is not permitted (CAP_IPC_LOCK)."""
    flags = _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(flags) == 0)


def stop_collecting() -> None:
    """No pauses for garbage: what there is is for good, and the loop makes no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()


def die_with_parent(signal_number: int) -> None:
    """Get this signal when the parent ends, however it ends.

    Raises:
        OSError: the kernel refuses.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
