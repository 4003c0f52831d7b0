"""Whether a path carries anything, by all of its targets together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.links.target import MISSES, Target

TOGETHER_SECONDS: Final = 0.5
"""Targets that fell silent within this time of each other have one reason: the path."""
NEVER_SECONDS: Final = 5.0
"""So long after the start every target that can answer has."""
STRAY_SECONDS: Final = 3.0
"""A target that is silent for so long, while another answers, has gone by itself, and counts no more."""
ALIVE_SECONDS: Final = 0.5
SAME_TICK_SECONDS: Final = 0.01
"""All targets are asked one after the other, within this time."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which no target answered."""

    start: float
    """When the first probe was sent that was lost."""
    end: float
    """When the first answer came again, or now."""
    lost: int
    """Probes lost one after the other."""
    sure: bool
    """Whether it is the path's: several targets fell silent together. One target alone may just be off."""

    @property
    def seconds(self) -> float:
        """Its length. The outage of the path itself was longer or shorter by one period of the probes at most."""
        return self.end - self.start

    @property
    def milliseconds(self) -> int:
        """Its length, as people read it."""
        return round(self.seconds * 1000)


class Reach:
    """All targets of one path."""

    def __init__(self, targets: Iterable[str]) -> None:
        self.targets = {name: Target(name) for name in targets}
        self._ended: list[Outage] = []

    def sent(self, target: str, now: float) -> None:
        """A probe went out."""
        self.targets[target].sent(now)

    def answered(self, target: str, sent_at: float, now: float) -> None:
        """The probe that was sent then was answered; it may end an outage."""
        before = self._silence(now)
        found = self.targets[target]
        lost = found.lost_between(before.start - SAME_TICK_SECONDS, sent_at) if before is not None else 0
        found.answered(sent_at, now)
        if before is not None and lost > 0:
            self._ended.append(Outage(before.start, now, lost, before.sure))

    def refused(self, target: str, now: float) -> None:
        """The target's host says that nobody listens."""
        self.targets[target].refused(now)

    def ended(self) -> list[Outage]:
        """Outages that are over, each once."""
        ended, self._ended = self._ended, []
        return ended

    def outage(self, now: float) -> Outage | None:
        """The one that goes on, of at least one lost probe."""
        silence = self._silence(now)
        return silence if silence is not None and silence.lost > 0 else None

    def answered_after(self, moment: float) -> bool:
        """Whether a probe that was sent after that moment was answered."""
        return any(target.answered_sent > moment for target in self.targets.values())

    def alive(self, now: float) -> bool:
        """Whether a target answers now."""
        return any(now - target.answered_at < ALIVE_SECONDS and not target.silent_seconds(now) for target in self._all)

    @property
    def asked(self) -> bool:
        """Whether anybody is asked at all."""
        return any(target.asked_at is not None for target in self._all)

    def telling(self, now: float) -> bool:
        """Whether the targets can tell an outage: some have answered, and have not strayed."""
        return bool(self._counting(now))

    def never_answered(self, now: float) -> bool:
        """Whether several targets were asked for long enough, and none has said a thing since the start."""
        asked = [target for target in self._all if target.asked_at is not None]
        return len(asked) > 1 and all(
            now - target.asked_at > NEVER_SECONDS and target.answered_at < 0 and not target.refuses(now)
            for target in asked
            if target.asked_at is not None
        )

    def forgive(self) -> None:
        """We stood still ourselves: silence in that time is nobody's fault."""
        self._ended.clear()
        for target in self._all:
            target.forgive()

    @property
    def _all(self) -> Iterable[Target]:
        return self.targets.values()

    def _counting(self, now: float) -> list[Target]:
        """Those whose silence means something: not those that were gone before the others fell silent."""
        proven = [target for target in self._all if target.proven]
        last = max((target.answered_at for target in proven), default=now)
        return [target for target in proven if last - target.answered_at < STRAY_SECONDS]

    def _silence(self, now: float) -> Outage | None:
        counting = self._counting(now)
        if not counting or any(target.began is None for target in counting):
            return None
        began = [target.began for target in counting if target.began is not None]
        together = max(began) - min(began) <= TOGETHER_SECONDS
        lost = min(target.missed(now) for target in counting)
        return Outage(max(began), now, lost, together and len(counting) > 1)


def is_silence(outage: Outage) -> bool:
    """Whether it is more than a probe or two lost by chance."""
    return outage.lost >= MISSES
