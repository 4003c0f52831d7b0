"""One storage path: what its members, its bond and its probes say together (M6).

Fed with sights and answers in the order they come; ``tick`` decides. All times are CLOCK_MONOTONIC in seconds.
"""

from collections.abc import Iterable
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.links.decision import Decision, Event, Finding, Standing
from nfvi_ha.core.links.failover import Ended, Failovers, PathSight
from nfvi_ha.core.links.link_state import RESTORE_SECONDS
from nfvi_ha.core.links.reach import Outage, Reach, is_silence
from nfvi_ha.core.links.redundancy import Redundancy, in_words
from nfvi_ha.core.links.target_words import TargetWords

DEAD_SECONDS: Final = 1.0
"""A path without answers for so long is dead: its failover, if it has one, failed (M6)."""
NOTE_SECONDS: Final = 10.0
"""A failover that the word of a lost member could not tell is told by itself, as a fault that lasts so long."""
STALL_SECONDS: Final = 0.3
"""A tick that comes later than this after the one before: we stood still ourselves."""
ALL_MEMBERS_DOWN: Final = "AllMembersDown"
NO_ANSWER: Final = "NoAnswer"
FAILED_OVER: Final = "FailedOver"
INTERRUPTED: Final = "Interrupted"


class PathWatch:
    """The state machine of one path."""

    def __init__(self, name: str, targets: Iterable[str]) -> None:
        self.name = name
        self.component = f"path/{name}"
        self.reach = Reach(targets)
        self.failovers = Failovers(self.reach)
        self._redundancy = Redundancy(name, self.reach)
        self._words = TargetWords(name, only=len(self.reach.targets) == 1)
        self._standing = Standing()
        self._audit: Finding | None = None
        self._failed: Finding | None = None
        self._well_since: float | None = None
        self._note: tuple[Finding, float] | None = None
        self._recent: list[Ended] = []
        self._ticked: float | None = None
        self._in_outage = False

    def sees(self, sight: PathSight, now: float) -> None:
        """Members and active member are so now."""
        self.failovers.sees(sight, now)
        self._redundancy.sees(sight.members, now)

    def audited(self, finding: Finding | None) -> None:
        """What is wrong with how it is built; it is told with the next tick."""
        self._audit = finding

    @property
    def unsettled(self) -> bool:
        """Whether something may change soon, so that it is worth to look closer."""
        return self._in_outage or self._redundancy.unsettled or self.failovers.waiting

    def tick(self, now: float) -> list[Decision]:
        """What is new to say. Answers that have come in must have been told before."""
        if self._ticked is not None and now - self._ticked > STALL_SECONDS:
            self.failovers.forgive()
        self._ticked = now
        ended = self.failovers.look(now)
        outage = self.reach.outage(now)
        self._in_outage = outage is not None and outage.seconds < DEAD_SECONDS
        self._judge(outage, now)
        # A loss that is seen a moment after the outage which it caused is told with it.
        self._recent = [one for one in (*self._recent, *ended) if now - one.outage.end < DEAD_SECONDS]
        told = self._redundancy.told
        active, failed = self.failovers.active, self._failed is not None
        lost = self._redundancy.look(self._recent, active, now, path_failed=failed)
        events = [event for one in ended if (event := self._slow(one)) is not None]
        self._take_note(ended, now, in_loss=lost is not None and not told)
        return [*events, *self._standing.update(self._findings(lost, outage, now))]

    def _findings(self, lost: Finding | None, outage: Outage | None, now: float) -> list[Finding]:
        well = self._failed is None and not self._redundancy.all_lost and (outage is None or not outage.sure)
        warnings = [self._words.look(target, now, path_well=well) for target in self.reach.targets.values()]
        note = self._note[0] if self._note is not None else None
        return [found for found in (self._failed, lost, note, self._audit, *warnings) if found is not None]

    def _judge(self, outage: Outage | None, now: float) -> None:
        """Dead at once, well after a second."""
        dead = self._dead(outage, now)
        if dead is not None:
            self._failed = self._failed or dead
            self._well_since = None
        elif self._failed is not None:
            self._recover(now)

    def _dead(self, outage: Outage | None, now: float) -> Finding | None:
        if self._redundancy.all_lost:
            return self._finding(ALL_MEMBERS_DOWN, f"no member is up: {self._redundancy.says()}")
        if outage is not None and is_silence(outage) and outage.seconds > DEAD_SECONDS:
            explained = self.failovers.explains(outage)
            if outage.sure or explained:
                over = f" over {self.failovers.active}" if self.failovers.active else ""
                return self._finding(NO_ANSWER, f"no target answers for more than {DEAD_SECONDS:.0f} s{over}")
        if self.reach.never_answered(now):
            detail = "no target has answered since the agent started"
            return self._finding(NO_ANSWER, detail, Confidence.LOW)
        return None

    def _finding(self, cause: str, detail: str, confidence: Confidence = Confidence.HIGH) -> Finding:
        return Finding(FaultKind.STORAGE_PATH_FAILED, self.component, cause, Severity.CRITICAL, detail, confidence)

    def _recover(self, now: float) -> None:
        well = not self.reach.asked or self.reach.alive(now)
        if not well:
            self._well_since = None
        elif self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= RESTORE_SECONDS:
            self._failed = None

    def _slow(self, ended: Ended) -> Event | None:
        if not ended.failed_over or ended.outage.seconds <= DEAD_SECONDS:
            return None
        detail = f"{in_words(ended)}; storage waited for all of it"
        cause = FAILED_OVER
        return Event(Finding(FaultKind.STORAGE_PATH_SLOW, self.component, cause, Severity.CRITICAL, detail))

    def _take_note(self, ended: Iterable[Ended], now: float, *, in_loss: bool) -> None:
        """What nothing else tells: failovers whose loss is told already or is none, and plain interruptions."""
        if self._note is not None and now >= self._note[1]:
            self._note = None
        for one in ended:
            if in_loss or one.outage.seconds > DEAD_SECONDS:
                continue
            cause = FAILED_OVER if one.failed_over else INTERRUPTED
            component = f"{self.component}/failover"
            finding = Finding(FaultKind.STORAGE_PATH_DEGRADED, component, cause, Severity.WARNING, in_words(one))
            self._note = (finding, now + NOTE_SECONDS)
