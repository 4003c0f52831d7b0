"""Is a watched process well? What was seen of it in, the faults that it has out.

Death is a fault at once, and over as soon as it is back. A hang is a fault after two questions in a row without an
answer, or when it is seen to be stopped; no question counts before it has ever answered one, for then it is the check
that may be wrong, nor while we are slow ourselves.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.hostprocess.spec import HealthLimits, WatchSpec

CAUSE_EXITED: Final = "ProcessExited"
CAUSE_KILLED: Final = "ProcessKilled"
CAUSE_MISSING: Final = "ProcessMissing"
CAUSE_SILENT: Final = "NoAnswer"
CAUSE_STOPPED: Final = "ProcessStopped"
CAUSE_UNINTERRUPTIBLE: Final = "ProcessUninterruptible"
CAUSE_FLAPPING: Final = "ProcessFlapping"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of the process now."""

    cause: str
    detail: str


class ProcessHealth:
    """One entry of the watch list. Times are monotonic seconds.

    ``seen`` and ``answered``: an earlier process of the agent saw it in this boot, so that it is a fault if it is not
    there now; and had answers of it.
    """

    def __init__(
        self, spec: WatchSpec, limits: HealthLimits, began: float, *, seen: bool = False, answered: bool = False
    ) -> None:
        self.spec = spec
        self._limits = limits
        self._began = began
        self._expected = 0
        self._seen = seen
        self._answered_ever = answered
        self._answered = False
        """In the life of the present process."""
        self._started = began
        self._failed: Finding | None = None
        self._failed_at = began
        self._silent = 0
        self._answers = 0
        self._hung: Finding | None = None
        self._standing: tuple[str, float] | None = None
        self._deaths: deque[float] = deque()

    @property
    def seen(self) -> bool:
        """Whether it was ever there in this boot."""
        return self._seen

    @property
    def failed(self) -> bool:
        """Whether it ended and is not back."""
        return self._failed is not None

    def there(self, now: float, count: int, *, fresh: float | None) -> None:
        """So many processes of it are there; ``fresh``: age in seconds of one that is new, if one is."""
        if count:
            self._seen = True
        elif self._seen and self._expected == 0 and self._failed is None:
            self._failed, self._failed_at = Finding(CAUSE_EXITED, "ended while no agent watched"), now
        if fresh is not None:
            self._started, self._answered, self._silent, self._answers = now - fresh, False, 0, 0
            self._hung, self._standing = None, None
        back = count >= self._expected or now - self._failed_at >= self.spec.grace_seconds
        if self._failed is not None and count and back:
            self._failed = None
        if self._failed is None:
            self._expected = count

    def died(self, now: float, how: str, *, killed: bool) -> None:
        """One of its processes ended."""
        self._failed = Finding(CAUSE_KILLED if killed else CAUSE_EXITED, how)
        self._failed_at = now
        self._hung, self._standing, self._silent, self._answers = None, None, 0, 0
        self._deaths.append(now)

    def answered(self) -> None:
        """It answered a question."""
        self._answered = self._answered_ever = True
        self._silent = 0
        self._answers += 1
        if self._hung is not None and self._standing is None and self._answers >= self._limits.answers_to_clear:
            self._hung = None

    def silent(self, now: float, why: str, *, slow: bool) -> None:
        """It did not answer in time. ``slow``: neither did we look in time."""
        if slow or self._failed is not None or not self._answered_ever:
            return
        if not self._answered and now - self._started < self._limits.start_seconds:
            return
        self._answers = 0
        self._silent += 1
        if self._silent >= self._limits.silent_in_a_row and self._hung is None:
            self._hung = Finding(CAUSE_SILENT, why)

    def stands(self, now: float, state: str) -> None:
        """It is stopped ("T") or in uninterruptible sleep ("D")."""
        if self._standing is None or self._standing[0] != state:
            self._standing = (state, now)
        seconds = now - self._standing[1]
        if state == "D" and seconds >= self._limits.uninterruptible_seconds:
            self._hung = self._hung or Finding(CAUSE_UNINTERRUPTIBLE, "is in uninterruptible sleep")
        if state == "T" and seconds >= self._limits.stopped_seconds:
            self._hung = self._hung or Finding(CAUSE_STOPPED, "is stopped")

    def runs(self) -> None:
        """It is neither. If it is never asked, or has never answered, that must do."""
        if self._standing is None:
            return
        self._standing, self._silent, self._answers = None, 0, 0
        if self._hung is not None and (self.spec.check is None or not self._answered_ever):
            self._hung = None

    @property
    def answers_ever(self) -> bool:
        """Whether it has ever answered: if not, its check is of no use."""
        return self._answered_ever

    def faults(self, now: float) -> dict[FaultKind, Finding]:
        """The faults it has now."""
        found: dict[FaultKind, Finding] = {}
        if self._failed is not None:
            found[FaultKind.PROCESS_FAILED] = self._failed
        elif self.spec.required and not self._seen and now - self._began >= self._limits.missing_seconds:
            found[FaultKind.PROCESS_FAILED] = Finding(CAUSE_MISSING, "was never seen")
        if self._hung is not None:
            found[FaultKind.PROCESS_HUNG] = self._hung
        while self._deaths and now - self._deaths[0] > self._limits.flap_seconds:
            self._deaths.popleft()
        if len(self._deaths) >= self._limits.flap_deaths:
            minutes = round(self._limits.flap_seconds / 60)
            # No count in it: it would be told anew with each death.
            detail = f"ended {self._limits.flap_deaths} times or more within {minutes} min"
            found[FaultKind.PROCESS_FLAPPING] = Finding(CAUSE_FLAPPING, detail)
        return found
