"""Whom the receiver tells what it heard. Everything told is authentic and fresh."""

from dataclasses import dataclass
from typing import Protocol

from nfvi_ha.core.verdict.inputs import Vote
from nfvi_ha.core.wire.beat import Beat
from nfvi_ha.core.wire.echo import EchoReply
from nfvi_ha.core.wire.goodbye import Goodbye
from nfvi_ha.core.wire.inventory import Inventory
from nfvi_ha.core.wire.probe import ProbeResult
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.core.wire.votes import SeatBeat, Told
from nfvi_ha.sentinel.sources import Place


@dataclass(frozen=True, slots=True)
class Due:
    """An answer is due: once a second for each node and network, and at once to an agent without our nonce."""

    beat: Beat
    """Its counters may be older than ``sequence``; everything else is as in the beat answered."""
    freshness: Freshness
    """UNPROVEN and STALE ones get our nonce and the numbers below, but no permit: nobody knows that they live now."""
    incarnation: int
    """To be answered with: the beat's, or for a stale one the greater one that it must step over."""
    sequence: int
    network: int
    place: Place
    key: bytes
    key_id: int
    """Of the beat, so the node has it."""


class Audience(Protocol):
    """Called in the receiver's loop: nothing here may block, and ``heard`` must be fast. ``now`` is monotonic."""

    def heard(
        self,
        node: str,
        network: int,
        boot_id: str,
        incarnation: int,
        real_time: bool,
        self_slow: bool,
        episode: int,
        now: float,
        /,
    ) -> None:
        """One beat."""

    def told(self, beat: Beat, place: Place, now: float, /) -> None:
        """A beat whose faults, flags, generations, incarnation or origin are not those of the one before.

        Never an older state after a newer one, whichever network was faster.
        """

    def due(self, due: Due, now: float, /) -> bytes | None:
        """The datagram to answer with, not longer than a beat; None for none."""

    def inventory(self, inventory: Inventory, now: float, /) -> None:
        """A part of a node's VMs; the same part may come again."""

    def goodbye(self, goodbye: Goodbye, now: float, /) -> None:
        """A node leaves. The next beat of it is answered at once."""

    def echoed(self, reply: EchoReply, place: Place, now: float, /) -> None:
        """A node's echo; whether it was asked for, the nonce says."""

    def probe_result(self, result: ProbeResult, now: float, /) -> None:
        """What a peer found; whether it was asked for, the request's id says."""

    def seat_beat(self, beat: SeatBeat, now: float, /) -> None:
        """Another seat lives."""

    def seat_taken(self, beat: SeatBeat, now: float, /) -> None:
        """Another seat lives, and has heard a later process than ours with our seat."""

    def vote(self, vote: Vote, now: float, /) -> None:
        """Another seat's opinion."""

    def delivered(self, told: Told, now: float, /) -> None:
        """Another seat delivered a notification."""
