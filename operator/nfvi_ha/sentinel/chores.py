"""What is done beside judging, each at its own pace, by the same tick: so that no timer comes between the two."""

import logging
from typing import TYPE_CHECKING, Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.sentinel import host_report, seats
from nfvi_ha.sentinel.seats import Health, redundancy_fault, sentinel_resource, twin_fault

if TYPE_CHECKING:
    from nfvi_ha.sentinel.app import Sentinel

log = logging.getLogger(__name__)

REVIEW_SECONDS: Final = 0.5
ALIVE_SECONDS: Final = 1.0
QUIET: Final = frozenset({NodeState.UP, NodeState.NETWORK_FAULT, NodeState.LEFT, NodeState.UNKNOWN})


class Chores:
    """Small regular work of one sentinel."""

    def __init__(self, sentinel: "Sentinel") -> None:
        self._sentinel = sentinel
        self._started = sentinel.clock.monotonic()
        self._beat_at = self._review_at = self._report_at = float("-inf")
        self._heard: list[int] = []
        self._heard_by_scribe: list[int] | None = None
        self._alive_at = float("-inf")
        self._lost: dict[int, bool] = {}
        self._twice: frozenset[int] = frozenset()

    def is_warm(self, now: float) -> bool:
        """Whether enough time has passed since our start to judge."""
        return now - self._started >= self._sentinel.roster.policy.warm_up_seconds

    def scribe_started(self) -> None:
        """It knows nothing yet, and when it may write hangs on who else is there: that it must know first."""
        self._heard_by_scribe = None
        self._tell_scribe_of_seats()

    def tick(self, now: float) -> None:
        """Do what is due."""
        one = self._sentinel
        one.roster.settle()
        one.answers.tick()
        if now - self._beat_at >= seats.PERIOD_SECONDS:
            # On a grid, as far as we can keep it: others count our missing beats.
            self._beat_at = (
                now if now - self._beat_at > 2 * seats.PERIOD_SECONDS else self._beat_at + seats.PERIOD_SECONDS
            )
            one.seats.beat(self._health(now))
            self._watch_seats()
        if now - self._report_at >= host_report.PERIOD_SECONDS:
            self._report_at = now
            one.reports.flush()
        if now - self._alive_at >= ALIVE_SECONDS:
            # By that the scribe knows that we judge, and that what we said last still holds.
            self._alive_at = now
            one.scribe.send({"alive": True})
        if now - self._review_at >= REVIEW_SECONDS:
            self._review_at = now
            self._clear_seats()
            one.faults.review_all()
            one.hosts.review(lambda node: not node or not one.roster.is_gone(node))
            one.roster.forget_gone()

    def _health(self, now: float) -> Health:
        one, summary = self._sentinel, self._sentinel.verdicts.summary()
        return Health(
            governed=summary.total(),
            up=summary[NodeState.UP] + summary[NodeState.NETWORK_FAULT],
            silent=sum(number for state, number in summary.items() if state not in QUIET),
            ready=self.is_warm(now),
            abstaining=now - one.judge.stalled_at < one.roster.policy.abstain_seconds,
            mass=bool(summary[NodeState.MASS_FAILURE]),
        )

    def _watch_seats(self) -> None:
        """Tell the scribe who is there, and the VIM who is not."""
        one = self._sentinel
        heard = sorted([one.settings.seat, *one.seats.alive()])
        if heard != self._heard:
            self._heard = heard
            log.info("sentinels", extra={"heard": heard})
        self._tell_scribe_of_seats()
        lost = one.seats.lost()
        for seat, is_lost in lost.items():
            if is_lost and not self._lost.get(seat):
                one.teller.raise_fault(redundancy_fault(seat, one.clock, alone=len(heard) == 1))
        self._lost = lost
        twice = one.seats.twice()
        for seat in twice - self._twice:
            log.error("two processes have one seat", extra={"seat": seat, "ours": seat == one.settings.seat})
            # If it was lost a moment ago, that is over: there are too many of it now.
            one.teller.clear(sentinel_resource(seat), FaultKind.REDUNDANCY_LOST, f"sentinel {seat} is heard again")
            one.teller.raise_fault(twin_fault(seat, one.clock))
        self._twice = twice

    def _tell_scribe_of_seats(self) -> None:
        heard = self._heard
        if heard and heard != self._heard_by_scribe and self._sentinel.scribe.send({"seats": heard}):
            self._heard_by_scribe = heard

    def _clear_seats(self) -> None:
        """Whoever is heard, by one process, is not lost, also if it was an earlier process of ours that said so."""
        one = self._sentinel
        for seat in {*one.seats.alive()} - self._twice:
            one.teller.clear(sentinel_resource(seat), FaultKind.REDUNDANCY_LOST, f"sentinel {seat} is heard again")
