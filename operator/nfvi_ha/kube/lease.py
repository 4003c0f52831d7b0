"""Who may change things: one holder of a coordination Lease, judged by monotonic clocks alone.

Safety in two sentences. The holder counts its hold from *before* it sent the renewal that succeeded, for the lease's
duration; a candidate takes over only after the record did not change for that duration counted from *after* it read
the last change, by a write that fails if the record changed since. No clock of another host is ever compared, so
skew and jumps of wall clocks do not matter; the times in the record are only for people and for telling changes.

A record that is absent shows no changes: between two looks it may have been made, held and deleted again. So nobody
ever takes the Lease by creating it. Whoever finds none makes one that nobody holds, and competes for that as for any.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.errors import Conflict, KubeError, NotFound, Unavailable
from nfvi_ha.kube.guard import Guard
from nfvi_ha.kube.resources import LEASES

_ABSENT: Final = "absent"
UNCLAIMED: Final = "unclaimed"
"""Holder of a record that was just made: nobody, and yet it must be waited for as for somebody."""
_RETRY_SECONDS: Final = 0.2

_logger = logging.getLogger(__name__)


class NotLeader(Exception):  # noqa: N818
    """A change was refused: this replica does not surely hold the Lease for as long as the change may take."""


class LeaseMetrics:
    """What the elector tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge("nfvi_ha_leader", "1 while this replica holds the Lease.", ["lease"], registry=registry)
        self.changes = Counter("nfvi_ha_leader_changes_total", "Lease gained or lost.", ["lease"], registry=registry)
        self.errors = Counter(
            "nfvi_ha_lease_errors_total", "Requests for the Lease that failed.", ["lease", "reason"], registry=registry
        )


@dataclass(frozen=True, slots=True)
class _Observed:
    """A state of the record, and when we had read it (own monotonic clock)."""

    print: tuple[str, str, str]
    """resourceVersion, holder and renewTime: differs whenever somebody wrote."""
    holder: str
    duration_seconds: float
    at: float
    record: JsonObject | None


class LeaseElector:
    """Competes for a Lease and says for how long it is surely ours.

    ``identity`` names this replica in the record. Two processes with one identity do no harm: what counts as ours is
    what this elector wrote. ``on_change`` is called on the event loop with True when the Lease is gained and False
    when it is lost. ``utc_now`` only fills the record's times.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        on_change: Callable[[bool], None],
        duration_seconds: float = 3.0,
        renew_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
        rng: Callable[[], float] = random.random,
        metrics: LeaseMetrics | None = None,
    ) -> None:
        if not 0 < renew_seconds <= duration_seconds / 2:
            raise ValueError(f"renew_seconds {renew_seconds:g} must be at most half of duration {duration_seconds:g}")
        self._client = client.lane(urgent=True)
        self._namespace = namespace
        self._name = name
        self._duration = duration_seconds
        self._renew = renew_seconds
        self._on_change = on_change
        self._clock = clock
        self._utc_now = utc_now
        self._rng = rng
        self._metrics = metrics or LeaseMetrics(CollectorRegistry())
        self._metrics.leader.labels(name).set_function(lambda: float(self.is_leader))
        self._observed: _Observed | None = None
        self._current = False
        """Whether ``_observed.record`` is fresh enough to be written over (its resourceVersion decides in the end)."""
        self._tokens: tuple[str, ...] = ()
        """The renewTimes we last sent: a write whose answer was lost is recognised as ours by them."""
        self._deadline = -math.inf
        self._told = False
        self._expiry: asyncio.TimerHandle | None = None
        self._released = False
        self.identity = identity

    @property
    def is_leader(self) -> bool:
        """Whether the Lease is surely ours now; computed from the clock, so also right after a suspension."""
        return self.margin_seconds() > 0

    @property
    def holder(self) -> str:
        """Identity of the holder as last read ("" when unknown, free, or expired)."""
        if self.is_leader:
            return self.identity
        seen = self._observed
        if seen is None or seen.holder == UNCLAIMED or self._expires_at(seen) <= self._clock():
            return ""
        return seen.holder

    def margin_seconds(self) -> float:
        """For how long the Lease is surely ours, in seconds; <= 0 when it is not."""
        return self._deadline - self._clock()

    def require(self, margin_seconds: float = 0.0) -> float:
        """The margin, if it is larger than ``margin_seconds``.

        Raises:
            NotLeader: it is not.
        """
        margin = self.margin_seconds()
        if margin <= margin_seconds:
            raise NotLeader(
                f"Lease {self._namespace}/{self._name} is ours for {max(margin, 0.0):.3f} s, needed are more than "
                f"{margin_seconds:g} s (holder: {self.holder or 'nobody'})"
            )
        return margin

    def guard(self, margin_seconds: float = 0.0) -> Guard:
        """A guard for ``KubeClient.lane``: refuses without that margin, and cuts requests off when it ends."""
        return lambda: self.require(margin_seconds)

    async def run(self) -> None:
        """Compete for ever; ends only when it is cancelled. Call ``release`` after that."""
        while not self._released:
            began = self._clock()
            try:
                async with asyncio.timeout(self._renew):
                    await self._step()
                wait = self._wait_seconds(began)
            except (TimeoutError, KubeError) as error:
                self._failed(error)
                wait = _RETRY_SECONDS * (0.5 + self._rng() / 2)
            except Exception as error:
                # E.g. a record with nonsense in it. Giving up would leave the cluster without a leader.
                _logger.exception("lease step failed", extra={"lease": self._name})
                self._failed(error)
                wait = self._renew
            await asyncio.sleep(wait)

    async def release(self) -> None:
        """Give the Lease back, so that the next replica need not wait for its end. Stop all changes before."""
        seen, ours = self._observed, self.is_leader
        self._released = True
        self._hold_until(-math.inf)
        if seen is None or seen.record is None or not ours:
            return
        record = {**seen.record, "spec": {**seen.record["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}
        try:
            async with asyncio.timeout(self._renew):
                await self._client.replace(LEASES, record, self._namespace)
        except (TimeoutError, KubeError) as error:
            _logger.warning("lease not released", extra={"lease": self._name, "error": str(error)})

    async def _step(self) -> None:
        """Read if what we know may be old, then write if it is ours or free."""
        seen = self._observed
        if seen is None or not self._current or not self._ours(seen):
            seen = await self._read()
        now = self._clock()
        if seen.record is None:
            await self._make()
        elif self._ours(seen) or self._expires_at(seen) <= now:
            await self._write(seen, seen.record, now)

    async def _read(self) -> _Observed:
        record: JsonObject | None
        try:
            record = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            record = None
        return self._observe(record)

    async def _make(self) -> None:
        """Make a record that nobody holds."""
        body = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": {"holderIdentity": UNCLAIMED, "leaseDurationSeconds": math.ceil(self._duration)},
        }
        self._observe(await self._client.create(LEASES, body, self._namespace))

    async def _write(self, seen: _Observed, old: JsonObject, began: float) -> None:
        """Renew or take over. ``began`` is from before the request: the hold is counted from there."""
        self._current = False  # until we know how it went
        spec = self._spec(seen)
        self._tokens = (*self._tokens, spec["renewTime"])[-4:]
        self._observe(await self._client.replace(LEASES, {**old, "spec": spec}, self._namespace))
        self._current = True
        if not self._released:
            self._hold_until(began + self._duration)

    def _spec(self, seen: _Observed) -> JsonObject:
        now = self._utc_now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old: JsonObject = (seen.record or {}).get("spec") or {}
        transitions = old.get("leaseTransitions")
        transitions = transitions if isinstance(transitions, int) else 0
        ours = self._ours(seen)
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": math.ceil(self._duration),
            "acquireTime": old.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or seen.holder == UNCLAIMED else transitions + 1,
        }

    def _observe(self, record: JsonObject | None) -> _Observed:
        spec: dict[str, Any] = (record or {}).get("spec") or {}
        version = (record or {}).get("metadata", {}).get("resourceVersion", _ABSENT)
        holder, renewed = str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")
        print_ = (version, holder, renewed)
        if self._observed is None or self._observed.print != print_:
            stated = spec.get("leaseDurationSeconds")
            duration = max(self._duration, float(stated) if isinstance(stated, int) else 0.0)
            self._observed = _Observed(print_, holder, duration, self._clock(), record)
        return self._observed

    def _ours(self, seen: _Observed) -> bool:
        return seen.holder == self.identity and seen.print[2] in self._tokens

    def _expires_at(self, seen: _Observed) -> float:
        """When the record may be taken over."""
        given_back = seen.record is not None and not seen.holder
        return -math.inf if given_back else seen.at + seen.duration_seconds

    def _wait_seconds(self, began: float) -> float:
        seen, now = self._observed, self._clock()
        until = began + self._renew
        if seen is not None and not self._ours(seen):
            # Ready at the moment of expiry. A little jitter, so that of two candidates mostly one is first.
            until = min(until, self._expires_at(seen) + 0.05 * self._rng())
        return max(until - now, 0.0)

    def _failed(self, error: BaseException) -> None:
        self._current = False
        if isinstance(error, Conflict):
            reason = "Conflict"
        elif isinstance(error, KubeError) and not isinstance(error, Unavailable):
            reason = f"HTTP{error.status}"
        else:
            reason = "Unavailable" if isinstance(error, Unavailable) else type(error).__name__
        self._metrics.errors.labels(self._name, reason).inc()
        _logger.info("lease request failed", extra={"lease": self._name, "reason": reason, "error": str(error)})

    def _hold_until(self, deadline: float) -> None:
        self._deadline = deadline
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.is_leader:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(self.margin_seconds(), self._check_expiry)
        self._tell()

    def _check_expiry(self) -> None:
        """Timers may fire a little early by another clock: look again until it is over."""
        self._hold_until(self._deadline)

    def _tell(self) -> None:
        if self._told == self.is_leader:
            return
        self._told = self.is_leader
        self._metrics.changes.labels(self._name).inc()
        _logger.info("lease gained" if self._told else "lease lost", extra={"lease": self._name})
        try:
            self._on_change(self._told)
        except Exception:
            _logger.exception("consumer of the lease failed", extra={"lease": self._name})
