"""Beats, 20,000 a second: verified, judged fresh, told, and answered once a second.

As long as a beat is word for word the one before on its network, but for its counters, nothing of it is decoded.
"""

from dataclasses import dataclass
from hmac import compare_digest

from nfvi_ha.core.wire.beat import COUNTERS, Beat, Flags, beat_of
from nfvi_ha.core.wire.errors import BadFrame
from nfvi_ha.core.wire.frame import HEADER_BYTES, TAG_BYTES
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.sentinel.audience import Audience, Due
from nfvi_ha.sentinel.drops import OF_FRESHNESS, OF_REASON, Drop, Drops
from nfvi_ha.sentinel.port import Port
from nfvi_ha.sentinel.sources import ANSWER_SECONDS, BeatKey, Place, Sources, Stream, state_of


class Beats:
    """Takes the beats of known nodes, keys and clusters. Counts each, whatever became of it."""

    def __init__(self, sources: Sources, drops: Drops, audience: Audience) -> None:
        self.unsent = 0
        """Answers that the kernel did not take, or that were longer than their question."""
        self._sources = sources
        self._drops = drops
        self._audience = audience

    def take(self, port: Port, key: BeatKey, data: bytes, place: Place, now: float) -> None:
        """What says to be a beat of a known node, key id and cluster. Hot as well."""
        source, at = key.source, key.state_at
        mac = key.mac.copy()
        mac.update(data[:-TAG_BYTES])
        if not compare_digest(mac.digest(), data[-TAG_BYTES:]):
            self._drops.drop(Drop.TAG, place[0], now, source.node)
            return
        stream = source.streams.get(data[at])
        if (
            stream is None
            or stream.size != len(data)
            or not data.startswith(stream.state, at)
            or stream.place != place
            or stream.port is not port
        ):
            self._changed(_Arrival(port, data, place, now), key)
            return
        sequence, _ = COUNTERS.unpack_from(data, at - COUNTERS.size)
        beat = stream.beat
        network = beat.network
        if not source.window.advance(network, sequence):
            self._drops.drop(Drop.REPLAYED, place[0], now, source.node)
            return
        self._audience.heard(
            source.node,
            network,
            beat.boot_id,
            beat.incarnation,
            stream.real_time,
            stream.self_slow,
            beat.episode,
            now,
        )
        if now >= stream.answer_at:
            stream.answer_at = now + ANSWER_SECONDS
            self._answer(_Arrival(port, data, place, now), key, Freshness.FRESH, beat, sequence)
        self._drops.beats += 1

    def _changed(self, came: "_Arrival", key: BeatKey) -> None:
        """An authentic beat that is not word for word the one before on its network."""
        source, place, now = key.source, came.place, came.now
        try:
            beat = beat_of(came.data[HEADER_BYTES:-TAG_BYTES])
        except BadFrame as bad:
            self._drops.drop(OF_REASON[bad.reason], place[0], now, str(bad))
            return
        if came.port.network is not None and beat.network != came.port.network:
            self._drops.drop(Drop.NETWORK, place[0], now, source.node)
            return
        proven = beat.nonces[self._sources.seat] == self._sources.nonce
        fresh = source.judge(beat.boot_id, beat.incarnation, beat.network, beat.sequence, proven=proven)
        if fresh is Freshness.FRESH:
            self._take(came, key, beat)
            if now >= source.streams[beat.network].answer_at:
                source.streams[beat.network].answer_at = now + ANSWER_SECONDS
                self._answer(came, key, fresh, beat, beat.sequence)
            self._drops.beats += 1
        else:
            self._drops.drop(OF_FRESHNESS[fresh], place[0], now, source.node)
            if source.learns(fresh, beat, now):
                self._answer(came, key, fresh, beat, beat.sequence)

    def _take(self, came: "_Arrival", key: BeatKey, beat: Beat) -> None:
        """Tell of a fresh beat. If a listener fails, nothing is remembered, so the next beat is told in full again."""
        source, data = key.source, came.data
        real_time, self_slow = bool(beat.flags & Flags.REAL_TIME), bool(beat.flags & Flags.SELF_SLOW)
        self._audience.heard(
            source.node, beat.network, beat.boot_id, beat.incarnation, real_time, self_slow, beat.episode, came.now
        )
        before, said = source.streams.get(beat.network), state_of(beat)
        # The other network may have been faster with a newer one.
        newest = beat.sequence >= source.window.newest
        if (newest and said != source.told) or before is None or before.place != came.place:
            self._audience.told(beat, came.place, came.now)
            # Else a network that missed this would take the next one for nothing new, if the state is as before.
            for stream in source.streams.values():
                stream.size = 0
        if newest:
            source.told = said
        answer_at = before.answer_at if before else came.now
        source.streams[beat.network] = Stream(
            size=len(data),
            state=data[key.state_at : -TAG_BYTES],
            place=came.place,
            port=came.port,
            beat=beat,
            real_time=real_time,
            self_slow=self_slow,
            answer_at=answer_at,
        )

    def _answer(self, came: "_Arrival", key: BeatKey, fresh: Freshness, beat: Beat, sequence: int) -> None:
        incarnation = max(beat.incarnation, key.source.window.incarnation)
        due = Due(beat, fresh, incarnation, sequence, beat.network, came.place, key.key, key.key_id)
        answer = self._audience.due(due, came.now)
        if answer is not None and (len(answer) > len(came.data) or not came.port.send(answer, came.place)):
            self.unsent += 1


@dataclass(frozen=True, slots=True)
class _Arrival:
    """How a datagram came."""

    port: Port
    data: bytes
    place: Place
    now: float
