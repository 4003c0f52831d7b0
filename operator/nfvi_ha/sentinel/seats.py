"""The other seats: our beats, votes and word of deliveries to them, and the loss of one of them (H1).

What comes from them was found authentic and fresh before it comes here (``dispatch``).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from nfvi_ha.core.fault import Confidence, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.verdict.inputs import Vote
from nfvi_ha.core.verdict.outputs import CastVote
from nfvi_ha.core.wire.votes import SeatBeat, Told, VoteFrame, encode_seat_beat, encode_told, encode_vote, told_parts
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.sources import Place, Sources

PERIOD_SECONDS: Final = 0.1
LOST_SECONDS: Final = 1.0
START_SECONDS: Final = 30.0
"""A seat that was never heard is not missed before: sentinels start one after the other."""
SENTINEL_KIND: Final = "Sentinel"
CAUSE_SEAT_SILENT: Final = "SeatSilent"
CAUSE_SEAT_TWICE: Final = "SeatTwice"
TWICE_SECONDS: Final = 3.0
"""So long the last word of a process whose seat another one has is remembered."""
NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Health:
    """What our beats say of the cluster."""

    governed: int
    up: int
    silent: int
    ready: bool
    abstaining: bool
    mass: bool


class Seats:
    """This seat's fellows.

    Args:
        incarnation: ns since 1970 of our start.
        sources: our seat and nonce, the vote key, and what the others' nonces are.
        places: where a seat listens, by network index.
        send: sends a datagram from the socket of a network.
        clock: time.
    """

    def __init__(
        self,
        *,
        incarnation: int,
        sources: Sources,
        places: Callable[[int], Mapping[int, Place]],
        send: Callable[[int, bytes, Place], object],
        clock: Clock,
    ) -> None:
        self._incarnation = incarnation
        self._sources = sources
        self._places = places
        self._send = send
        self._clock = clock
        self._started = clock.monotonic()
        self._beats, self._votes, self._tellings = count(1), count(1), count(1)
        self._heard = dict.fromkeys(sources.fellows, NEVER)
        self._newest: dict[int, tuple[int, float]] = {}
        """By seat: the latest start that was heard, and since when."""
        self._twice_at: dict[int, float] = {}
        """By seat: when an earlier start of it was last heard beside the latest."""

    @property
    def own(self) -> int:
        """Our number."""
        return self._sources.seat

    def heard(self, seat: int, incarnation: int, now: float) -> None:
        """A beat of that seat. What an earlier start of it sends after the latest has spoken for a while is alive."""
        self._heard[seat] = now
        newest, since = self._newest.get(seat, (-1, now))
        if incarnation > newest:
            self._newest[seat] = incarnation, now
        elif incarnation < newest and now - since > LOST_SECONDS:
            self._twice_at[seat] = now

    def taken(self, now: float) -> None:
        """Another process was heard with our own seat."""
        self._twice_at[self.own] = now

    def twice(self) -> frozenset[int]:
        """Seats that two processes believe to have, our own perhaps among them."""
        now = self._clock.monotonic()
        return frozenset(seat for seat, at in self._twice_at.items() if now - at <= TWICE_SECONDS)

    def alive(self) -> list[int]:
        """Other seats that are heard now."""
        now = self._clock.monotonic()
        return [seat for seat, at in self._heard.items() if now - at <= LOST_SECONDS]

    def lost(self) -> dict[int, bool]:
        """Whether each other seat is lost; one that was never heard has time to start."""
        now = self._clock.monotonic()
        started = now - self._started > START_SECONDS
        return {seat: now - at > LOST_SECONDS and (started or at > NEVER) for seat, at in self._heard.items()}

    def excuse(self, seconds: float) -> None:
        """We stood still for so long: that was nobody's silence."""
        self._heard = {seat: at + seconds for seat, at in self._heard.items()}

    def beat(self, health: Health) -> None:
        """Tell the others that we live; to be called each 100 ms."""
        beat = SeatBeat(
            self._sources.seat,
            self._incarnation,
            next(self._beats),
            self._sources.nonce,
            min(health.governed, 0xFFFF),
            min(health.up, 0xFFFF),
            min(health.silent, 0xFFFF),
            health.ready,
            health.abstaining,
            health.mass,
            self._sources.nonces(),
        )
        self._to_all(lambda key, key_id: encode_seat_beat(beat, key, key_id, self._sources.cluster))

    def vote(self, cast: CastVote) -> None:
        """Tell the others an opinion."""
        vote = Vote(
            self._sources.seat,
            self._incarnation,
            next(self._votes),
            cast.node,
            cast.boot_id,
            cast.opinion,
            cast.by,
            cast.dark,
            cast.episode,
        )
        frame = VoteFrame(vote, self._sources.nonces())
        self._to_all(lambda key, key_id: encode_vote(frame, key, key_id, self._sources.cluster))

    def told(self, notification: str, endpoints: Collection[str]) -> None:
        """Tell the others where a notification was delivered."""
        for part in told_parts(tuple(sorted(endpoints))):
            seat, nonces = self._sources.seat, self._sources.nonces()
            frame = Told(seat, self._incarnation, next(self._tellings), notification, part, nonces)
            self._to_all(partial(_encode_told, frame, self._sources.cluster))

    def _to_all(self, encode: Callable[[bytes, int], bytes]) -> None:
        if not self._sources.vote_keys:
            return
        key_id = max(self._sources.vote_keys)
        data = encode(self._sources.vote_keys[key_id], key_id)
        for seat in self._heard:
            for network, place in self._places(seat).items():
                self._send(network, data, place)


def _encode_told(frame: Told, cluster: bytes, key: bytes, key_id: int) -> bytes:
    return encode_told(frame, key, key_id, cluster)


def redundancy_fault(seat: int, clock: Clock, *, alone: bool) -> Fault:
    """The loss of a sentinel. A seat that hears no other at all may be the one that is cut off, and says so."""
    return Fault(
        kind=FaultKind.REDUNDANCY_LOST,
        resource=sentinel_resource(seat),
        cause=CAUSE_SEAT_SILENT,
        message=f"sentinel {seat} is not heard" + (", nor is any other: we may be cut off ourselves" if alone else ""),
        severity=Severity.MAJOR,
        confidence=Confidence.LOW if alone else Confidence.HIGH,
        detected_at=clock.now(),
    )


def twin_fault(seat: int, clock: Clock) -> Fault:
    """Two processes have one seat: both beat, and neither's vote counts, so the other two must agree."""
    return Fault(
        kind=FaultKind.REDUNDANCY_LOST,
        resource=sentinel_resource(seat),
        cause=CAUSE_SEAT_TWICE,
        message=f"two processes run as sentinel {seat}, so its vote does not count: end one of them, and restart the "
        "other if it is the older",
        severity=Severity.MAJOR,
        confidence=Confidence.HIGH,
        detected_at=clock.now(),
    )


def sentinel_resource(seat: int) -> ResourceRef:
    """A seat as a resource: its incarnation is the seat itself."""
    return ResourceRef(SENTINEL_KIND, "", f"sentinel-{seat}", "seat")
