"""Datagrams that changed nothing: counted by reason, and logged at most once a minute for each source and reason."""

import logging
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric

from nfvi_ha.core.wire.errors import Reason
from nfvi_ha.core.wire.frame import FrameKind
from nfvi_ha.core.wire.replay import Freshness

log = logging.getLogger(__name__)

LOGGED_EACH_SECONDS: Final = 60.0
MAX_SOURCES: Final = 1000
"""Pairs of address and reason that are remembered; a flood of forged addresses shares one entry beyond that."""
OTHERS: Final = "others"


class Drop(StrEnum):
    """Why. The first nine are ``Reason``'s."""

    TOO_SHORT = "TooShort"
    TOO_LONG = "TooLong"
    MAGIC = "Magic"
    VERSION = "Version"
    KIND = "Kind"
    CLUSTER = "Cluster"
    UNKNOWN_KEY = "UnknownKey"
    """Also of a node that is not in the roster."""
    TAG = "Tag"
    BODY = "Body"
    UNPROVEN = "Unproven"
    """Authentic, and without the nonce of this start: answered, so that the sender learns it."""
    REPLAYED = "Replayed"
    STALE = "Stale"
    """Of an older boot or incarnation."""
    NETWORK = "Network"
    """A beat for another network than the one it came over."""
    OWN_SEAT = "OwnSeat"
    """A frame of this very seat: another process believes to have it."""
    DEFECT = "Defect"
    """Whoever was told of it raised an error: ours."""


OF_REASON: Final = {reason: Drop(reason.value) for reason in Reason}
OF_FRESHNESS: Final = {
    Freshness.UNPROVEN: Drop.UNPROVEN,
    Freshness.REPLAYED: Drop.REPLAYED,
    Freshness.STALE: Drop.STALE,
}


class Drops:
    """The count of everything that came in; ``collect`` makes it a collector of prometheus-client.

    Plain integers, for counting must cost next to nothing while garbage comes in by the 100,000.
    """

    def __init__(self) -> None:
        self.beats = 0
        """Taken in. By itself, for the hash of an enum's member costs more than all else about counting."""
        self._others = dict.fromkeys(FrameKind, 0)
        self.dropped = dict.fromkeys(Drop, 0)
        self._said: dict[tuple[str, Drop], list[float]] = {}
        """By source and reason: when to speak again, and how many came since."""
        self._swept_at = 0.0

    @property
    def accepted(self) -> dict[FrameKind, int]:
        """Frames that were taken in, by kind."""
        return {**self._others, FrameKind.BEAT: self.beats}

    def accept(self, kind: FrameKind) -> None:
        """One more that is no beat."""
        self._others[kind] += 1

    @property
    def total(self) -> int:
        """All datagrams that were read."""
        return sum(self.accepted.values()) + sum(self.dropped.values())

    def drop(self, reason: Drop, address: str, now: float, detail: str = "") -> bool:
        """One more. Returns whether it was logged."""
        self.dropped[reason] += 1
        entry = self._said.get((address, reason))
        if entry is not None and now < entry[0]:
            entry[1] += 1
            return False
        return self._say(reason, address, now, detail)

    def collect(self) -> Iterable[Metric]:
        """For a registry of prometheus-client."""
        accepted = CounterMetricFamily(
            "nfvi_ha_sentinel_frames", "Authentic and fresh frames that were taken in, by kind.", labels=["kind"]
        )
        for kind, count in self.accepted.items():
            accepted.add_metric([kind.name.lower()], count)
        dropped = CounterMetricFamily(
            "nfvi_ha_sentinel_datagrams_dropped", "Datagrams that changed nothing, by reason.", labels=["reason"]
        )
        for reason, count in self.dropped.items():
            dropped.add_metric([reason.value], count)
        return accepted, dropped

    def _say(self, reason: Drop, address: str, now: float, detail: str) -> bool:
        if len(self._said) >= MAX_SOURCES and (address, reason) not in self._said:
            self._sweep(now)
            if len(self._said) >= MAX_SOURCES:
                address = OTHERS
        entry = self._said.get((address, reason))
        if entry is not None and now < entry[0]:
            entry[1] += 1
            return False
        more = int(entry[1]) if entry else 0
        self._said[address, reason] = [now + LOGGED_EACH_SECONDS, 0]
        facts = {"source": address, "reason": reason.value, "detail": detail, "unlogged_before": more}
        log.warning("datagram dropped", extra=facts)
        return True

    def _sweep(self, now: float) -> None:
        """Forget sources that have been quiet, at most once in that time."""
        if now >= self._swept_at + LOGGED_EACH_SECONDS:
            self._swept_at = now
            self._said = {key: entry for key, entry in self._said.items() if now < entry[0]}
