"""The beat of the hot process: drain, judge, act, 50 times a second; and all that the verdicts ask for is done here."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.outputs import AskPeers, CastVote, Clear, Outputs, Probe, Raise, StateChanged
from nfvi_ha.core.verdict.verdicts import Verdicts
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.host_report import HostReports
from nfvi_ha.sentinel.hosts import Hosts
from nfvi_ha.sentinel.lag import LagWatch
from nfvi_ha.sentinel.lives import Lives
from nfvi_ha.sentinel.metrics import SentinelMetrics
from nfvi_ha.sentinel.prober import Prober
from nfvi_ha.sentinel.seats import Seats

log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.02


class Judge:
    """Runs the verdicts.

    Args:
        verdicts: decide.
        drain: takes what waits in the sockets; the moment up to which all is taken.
        hosts: tells faults of hypervisors.
        prober: probes.
        seats: carries votes.
        reports: keeps what the scribe writes.
        lives: what agents said.
        chores: done in each tick, after the verdicts; takes the monotonic time.
        clock: time.
        metrics: where ticks and verdicts are measured.
    """

    def __init__(
        self,
        *,
        verdicts: Verdicts,
        drain: Callable[[], float],
        hosts: Hosts,
        prober: Prober,
        seats: Seats,
        reports: HostReports,
        lives: Lives,
        chores: Callable[[float], None],
        clock: Clock,
        metrics: SentinelMetrics,
    ) -> None:
        self._verdicts = verdicts
        self._drain = drain
        self._hosts = hosts
        self._prober = prober
        self._seats = seats
        self._reports = reports
        self._lives = lives
        self._chores = chores
        self._clock = clock
        self._metrics = metrics
        self.stalled_at = float("-inf")
        self.lag = LagWatch(TICK_SECONDS, self._stalled)

    async def run(self) -> None:
        """Tick, for ever. A defect in one tick is told and counted; the next one comes all the same."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                self.tick()
            except Exception:
                self._metrics.errors.labels("tick").inc()
                log.exception("tick failed")
            due = max(due + TICK_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())

    def tick(self) -> None:
        """One tick. What waits in the sockets is heard before silence is judged (facts/detection.md 1.6)."""
        began = time.perf_counter()
        came = self._clock.monotonic()
        now = self._drain()
        self.lag.tick(came)
        self.do(self._verdicts.tick(now))
        self._chores(self._clock.monotonic())
        self._metrics.tick.observe(time.perf_counter() - began)

    def do(self, outputs: Outputs) -> None:
        """Do what the verdicts ask for: faults first, then what may follow."""
        if not outputs:
            return
        raised = [output for output in outputs if isinstance(output, Raise)]
        if raised:
            self._raise(raised)
        for output in outputs:
            match output:
                case Clear():
                    self._hosts.cleared(output)
                    self._reports.changed(output.node)
                case Probe(node):
                    self._prober.probe(node)
                case AskPeers(node, peers):
                    self._prober.ask(node, peers)
                case CastVote():
                    self._seats.vote(output)
                case StateChanged(node, state, reason):
                    self._reports.state(node, state, reason)
                    log.info("hypervisor", extra={"node": node, "state": state.value, "reason": reason})
                case Raise():
                    pass

    def _raise(self, raised: list[Raise]) -> None:
        began = time.perf_counter()
        now = self._clock.monotonic()
        # The root before those that name it as their parent; hosts before VMs that have no host's incident.
        for output in sorted(raised, key=lambda each: each.kind is not FaultKind.MASS_FAILURE):
            self._hosts.raised(output)
            self._reports.changed(output.node)
            heard_at = self._lives.heard_at.get(output.node)
            if heard_at is not None:
                self._metrics.verdict.labels(output.kind.value).observe(max(0.0, now - heard_at))
        self._metrics.telling.observe(time.perf_counter() - began)

    def _stalled(self, seconds: float, now: float) -> None:
        self.stalled_at = now
        self._metrics.stalls.inc()
        self._verdicts.stalled(seconds, now)
        self._seats.excuse(seconds)
        log.warning("our own loop stood still", extra={"seconds": round(seconds, 3)})
