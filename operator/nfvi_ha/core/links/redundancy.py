"""The loss of a path's members, told once, with what it did to the path."""

from collections.abc import Iterable, Mapping
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.links.decision import Finding
from nfvi_ha.core.links.failover import Ended
from nfvi_ha.core.links.link_state import LinkState, LinkWatch
from nfvi_ha.core.links.reach import Reach

MEMBER_LOST: Final = "MemberLost"
MEASURED_SECONDS: Final = 0.15
"""The word of a lost member waits so long for the outage that it caused, for it is told once: a bond with miimon=100
fails over in 40-115 ms (measured), and the VIM is to know within 300."""
_RECENT_SECONDS: Final = 0.5


class Redundancy:
    """The members of one path."""

    def __init__(self, path: str, reach: Reach) -> None:
        self._component = f"path/{path}"
        self._reach = reach
        self._members: dict[str, LinkWatch] = {}
        self._lost_at: float | None = None
        self._effect = ""
        """What the loss did to the path; "" while that is not known, and nothing is told."""
        self._had_failed = False
        """Whether the path failed before the loss was told."""
        self._all_lost_at: float | None = None

    def sees(self, members: Mapping[str, LinkState], now: float) -> None:
        """They are so now. One that was a member and is not any more is gone."""
        for name in members:
            if name not in self._members:
                self._members[name] = LinkWatch(name, expected=True)
        for name, watch in self._members.items():
            watch.sees(members.get(name, LinkState.GONE), now)
        down = bool(self._members) and all(watch.state is not LinkState.UP for watch in self._members.values())
        if not down:
            self._all_lost_at = None
        elif self._all_lost_at is None:
            self._all_lost_at = now

    @property
    def all_lost(self) -> bool:
        """Whether no member is up, and no probe that was sent since then was answered all the same."""
        return self._all_lost_at is not None and not self._reach.answered_after(self._all_lost_at)

    @property
    def unsettled(self) -> bool:
        """Whether time alone may change what there is to say."""
        told = self._lost_at is None or bool(self._effect) or self._had_failed
        return not told or any(watch.settling for watch in self._members.values())

    def look(self, ended: Iterable[Ended], active: str, now: float, *, path_failed: bool) -> Finding | None:
        """The fault, while a member is lost.

        Args:
            ended: the outages of the last second.
            active: the member that carries the path, "" if not known.
            now: the time.
            path_failed: it has failed, which says it all as long as the loss was not told before.
        """
        lost = [watch for watch in self._members.values() if watch.lost(now)]
        if not lost:
            self._lost_at, self._effect, self._had_failed = None, "", False
            return None
        if self._lost_at is None:
            self._lost_at = now
        self._had_failed = self._had_failed or path_failed
        if not self._effect and not path_failed:
            self._effect = self._measured(ended, active, now)
        if not self._effect:
            return None
        what = ", ".join(watch.says() for watch in lost)
        return Finding(
            FaultKind.STORAGE_PATH_DEGRADED,
            self._component,
            MEMBER_LOST,
            Severity.MAJOR,
            f"{what}; {self._effect}",
        )

    def says(self) -> str:
        """All members, for people."""
        return ", ".join(watch.says() for watch in self._members.values())

    @property
    def told(self) -> bool:
        """Whether the loss is told already, so that what is measured now comes too late for it."""
        return bool(self._effect)

    def _measured(self, ended: Iterable[Ended], active: str, now: float) -> str:
        if self._had_failed:
            return "the path had failed, and works without it"
        since = now if self._lost_at is None else self._lost_at
        near = [one for one in ended if one.outage.end >= since - _RECENT_SECONDS]
        if near:
            return in_words(max(near, key=lambda one: one.outage.end))
        if not self._reach.telling(now):
            rest = sorted(name for name, watch in self._members.items() if watch.state is LinkState.UP)
            return f"{' and '.join(rest)} left" if rest else "no member left"
        if self._reach.answered_after(since):
            return f"{active} carries the path, no probe was lost" if active else "no probe was lost"
        return "no answer over the path yet" if now - since >= MEASURED_SECONDS else ""


def in_words(ended: Ended) -> str:
    """What an outage was, for people."""
    if not ended.failed_over:
        return f"interrupted for {ended.outage.milliseconds} ms"
    to = f" to {ended.active}" if ended.active else ""
    return f"failed over{to} in {ended.outage.milliseconds} ms"
