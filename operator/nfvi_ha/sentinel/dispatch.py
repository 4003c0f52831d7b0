"""Every frame but the common beat: found by its header, verified, judged fresh, and told."""

from collections.abc import Callable
from typing import Final

from nfvi_ha.core.wire.body import Data
from nfvi_ha.core.wire.echo import decode_echo_reply
from nfvi_ha.core.wire.errors import BadFrame
from nfvi_ha.core.wire.frame import MAGIC, VERSION, FrameKind, Header, peek
from nfvi_ha.core.wire.goodbye import decode_goodbye
from nfvi_ha.core.wire.inventory import decode_inventory
from nfvi_ha.core.wire.nonces import Nonces
from nfvi_ha.core.wire.probe import decode_probe_result
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.core.wire.votes import decode_seat_beat, decode_told, decode_vote
from nfvi_ha.sentinel.audience import Audience
from nfvi_ha.sentinel.drops import OF_FRESHNESS, OF_REASON, Drop, Drops
from nfvi_ha.sentinel.sources import GOODBYE_STREAM, INVENTORY_STREAM, BeatKey, Fellow, Place, Sources

_FROM_NODES: Final = frozenset(
    {FrameKind.BEAT, FrameKind.INVENTORY, FrameKind.GOODBYE, FrameKind.ECHO_REPLY, FrameKind.PROBE_RESULT}
)
_FROM_SEATS: Final = frozenset({FrameKind.SEAT_BEAT, FrameKind.VOTE, FrameKind.TOLD})
_PREFIX: Final = MAGIC + bytes([VERSION])


class Dispatch:
    """Takes one datagram at a time. Counts each, whatever became of it."""

    def __init__(self, sources: Sources, drops: Drops, audience: Audience) -> None:
        self._sources = sources
        self._drops = drops
        self._audience = audience
        self._of_nodes: dict[FrameKind, Callable[[Data, BeatKey, Place, float], Drop | None]] = {
            FrameKind.BEAT: self._beat,
            FrameKind.INVENTORY: self._inventory,
            FrameKind.GOODBYE: self._goodbye,
            FrameKind.ECHO_REPLY: self._echo_reply,
            FrameKind.PROBE_RESULT: self._probe_result,
        }
        self._of_seats: dict[FrameKind, Callable[[Data, bytes, float], Drop | None]] = {
            FrameKind.SEAT_BEAT: self._seat_beat,
            FrameKind.VOTE: self._vote,
            FrameKind.TOLD: self._told,
        }

    def take(self, data: Data, place: Place, now: float) -> None:
        """One datagram that is not a beat of a known node, key and cluster."""
        if bytes(data[:3]) != _PREFIX:
            # Garbage ends here, without the cost of an exception.
            wrong = Drop.TOO_SHORT if len(data) < len(_PREFIX) else Drop.MAGIC
            self._drops.drop(Drop.VERSION if bytes(data[:2]) == MAGIC else wrong, place[0], now)
            return
        try:
            header = peek(data)
            reason = self._dispatch(header, data, place, now)
        except BadFrame as bad:
            self._drops.drop(OF_REASON[bad.reason], place[0], now, str(bad))
            return
        if reason is None:
            self._drops.accept(header.kind)
        else:
            self._drops.drop(reason, place[0], now, header.node)

    def _dispatch(self, header: Header, data: Data, place: Place, now: float) -> Drop | None:
        if header.cluster != self._sources.cluster:
            return Drop.CLUSTER
        if header.kind in _FROM_NODES:
            key = self._sources.key(header.node, header.key_id)
            return Drop.UNKNOWN_KEY if key is None else self._of_nodes[header.kind](data, key, place, now)
        if header.kind in _FROM_SEATS:
            vote_key = self._sources.vote_keys.get(header.key_id)
            return Drop.UNKNOWN_KEY if vote_key is None else self._of_seats[header.kind](data, vote_key, now)
        return Drop.KIND

    def _beat(self, _data: Data, _key: BeatKey, _place: Place, _now: float) -> Drop:
        """A beat whose first bytes are known is here only because of its size (``Receiver``)."""
        return Drop.TOO_SHORT

    def _inventory(self, data: Data, key: BeatKey, _place: Place, now: float) -> Drop | None:
        found = decode_inventory(data, key.key)
        fresh = key.source.judge(
            found.boot_id,
            found.incarnation,
            INVENTORY_STREAM,
            found.generation,
            proven=self._proven(found.nonces),
            repeats=True,
        )
        if fresh is Freshness.FRESH:
            self._audience.inventory(found, now)
        return OF_FRESHNESS.get(fresh)

    def _goodbye(self, data: Data, key: BeatKey, _place: Place, now: float) -> Drop | None:
        found, source = decode_goodbye(data, key.key), key.source
        proven = self._proven(found.nonces)
        fresh = source.judge(found.boot_id, found.incarnation, GOODBYE_STREAM, found.sequence, proven=proven)
        if fresh is Freshness.FRESH:
            self._audience.goodbye(found, now)
            for stream in source.streams.values():
                stream.answer_at = now
        return OF_FRESHNESS.get(fresh)

    def _echo_reply(self, data: Data, key: BeatKey, place: Place, now: float) -> None:
        self._audience.echoed(decode_echo_reply(data, key.key), place, now)

    def _probe_result(self, data: Data, key: BeatKey, _place: Place, now: float) -> None:
        self._audience.probe_result(decode_probe_result(data, key.key), now)

    def _seat_beat(self, data: Data, key: bytes, now: float) -> Drop | None:
        found = decode_seat_beat(data, key)
        fellow = self._sources.fellows.get(found.seat)
        if fellow is None:
            return Drop.OWN_SEAT
        # Also from one that does not know our nonce yet: else two seats that start together would never meet.
        fellow.learn(found.nonce, found.incarnation)
        fresh = self._judge(fellow, FrameKind.SEAT_BEAT, found.incarnation, found.sequence, found.nonces)
        if fresh is Freshness.FRESH:
            self._audience.seat_beat(found, now)
        elif fresh is Freshness.UNPROVEN:
            ours = found.nonces[self._sources.seat]
            if fellow.knows_our_twin(found.incarnation, FrameKind.SEAT_BEAT, found.sequence, ours):
                self._audience.seat_taken(found, now)
        return OF_FRESHNESS.get(fresh)

    def _vote(self, data: Data, key: bytes, now: float) -> Drop | None:
        found = decode_vote(data, key)
        vote = found.vote
        fellow = self._sources.fellows.get(vote.seat)
        if fellow is None:
            return Drop.OWN_SEAT
        fresh = self._judge(fellow, FrameKind.VOTE, vote.incarnation, vote.sequence, found.nonces)
        if fresh is Freshness.FRESH:
            self._audience.vote(vote, now)
        return OF_FRESHNESS.get(fresh)

    def _told(self, data: Data, key: bytes, now: float) -> Drop | None:
        found = decode_told(data, key)
        fellow = self._sources.fellows.get(found.seat)
        if fellow is None:
            return Drop.OWN_SEAT
        fresh = self._judge(fellow, FrameKind.TOLD, found.incarnation, found.sequence, found.nonces)
        if fresh is Freshness.FRESH:
            self._audience.delivered(found, now)
        return OF_FRESHNESS.get(fresh)

    def _judge(self, fellow: Fellow, kind: FrameKind, incarnation: int, sequence: int, nonces: Nonces) -> Freshness:
        return fellow.judge(incarnation, kind, sequence, proven=self._proven(nonces))

    def _proven(self, nonces: Nonces) -> bool:
        return nonces[self._sources.seat] == self._sources.nonce
