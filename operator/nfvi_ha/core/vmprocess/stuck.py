"""Does a VM's process stand still? Stopped beyond a limit, or in one and the same uninterruptible sleep."""

from dataclasses import dataclass
from typing import Final

CAUSE_STOPPED: Final = "QemuStopped"
CAUSE_UNINTERRUPTIBLE: Final = "QemuUninterruptible"


@dataclass(frozen=True, slots=True)
class StuckLimits:
    """Seconds after which it counts."""

    stopped_seconds: float = 1.0
    uninterruptible_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when a process has been seen in one state; ``switches`` tells one sleep from many short ones."""

    state: str
    since: float
    """Monotonic seconds."""
    switches: int = 0
    """Context switches of its leader then. An unchanged number means that it never ran in between."""


def stuck_cause(standing: Standing, switches: int, now: float, limits: StuckLimits) -> str:
    """The cause if it is stuck now, else "". ``switches`` are those now; they matter for state D only."""
    seconds = now - standing.since
    if standing.state in ("T", "t"):
        return CAUSE_STOPPED if seconds >= limits.stopped_seconds else ""
    if standing.state == "D" and switches == standing.switches:
        return CAUSE_UNINTERRUPTIBLE if seconds >= limits.uninterruptible_seconds else ""
    return ""
