"""The receiver: sockets drained before anybody judges, every datagram verified, only what is news told.

After a stall of this process the beats of all that time wait in the kernel. Reading one datagram in each turn of the
loop, with timers judging between, raised 600 false suspicions in 600 (facts/detection.md 1.6); reading all that had
arrived before judging raised none. So ``drain`` is called before each judgement and returns the moment for which it is
complete: under a flood that no reading ends, that moment lags a little, and the judge still comes to its turn.

Kernel receive stamps (SO_TIMESTAMPNS) are not used. They would date the beats of a stall more exactly, which judging
does not need: a stall is forgiven as a whole (``Verdicts.stalled``). And they cost ``recvmsg`` with ancillary data for
every datagram. Nor is ``recvfrom_into`` used: slices of a view cost more than the bytes object that it saves.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from nfvi_ha.core.wire.beat import COUNTERS, Beat, Flags, beat_of
from nfvi_ha.core.wire.errors import BadFrame
from nfvi_ha.core.wire.frame import HEADER_BYTES, MAX_DATAGRAM, TAG_BYTES
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.sentinel.audience import Audience, Due
from nfvi_ha.sentinel.dispatch import Dispatch
from nfvi_ha.sentinel.drops import OF_FRESHNESS, OF_REASON, Drop, Drops
from nfvi_ha.sentinel.port import Listen, Port
from nfvi_ha.sentinel.sources import ANSWER_SECONDS, BeatKey, Place, Sources, Stream, state_of

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.02
"""So long one turn of the loop may read, then others have theirs."""
DRAIN_SECONDS: Final = 0.05
BATCH: Final = 128
"""Datagrams read from one socket before the other has its turn, with one look at the clock."""
_NAME_AT: Final = HEADER_BYTES + 1


class Receiver:
    """Sockets of one seat, one for each network. Not for several threads."""

    def __init__(
        self,
        listen: Sequence[Listen],
        sources: Sources,
        audience: Audience,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the sockets.

        Raises:
            OSError: an address cannot be had; none is open then.
        """
        self.sources = sources
        self.drops = Drops()
        self.unsent = 0
        """Answers that the kernel did not take, or that were longer than their question."""
        self._audience = audience
        self._monotonic = monotonic
        self._dispatch = Dispatch(sources, self.drops, audience)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ports: list[Port] = []
        try:
            for each in listen:
                self.ports.append(Port(each))
        except OSError:
            self.close()
            raise
        self._asked_at = self._complete_at = monotonic()

    def start(self) -> None:
        """Read whenever something comes in, in the running loop."""
        self._loop = asyncio.get_running_loop()
        for port in self.ports:
            self._loop.add_reader(port.socket, self._turn, port)
            log.info("listening", extra={"address": str(port.address), "receive_buffer_bytes": port.buffer_bytes})

    def close(self) -> None:
        """Stop reading, close the sockets."""
        for port in self.ports:
            if self._loop is not None:
                self._loop.remove_reader(port.socket)
            port.close()
        self.ports.clear()

    def send(self, network: int, data: bytes, place: Place) -> bool:
        """Send from the socket of that network (the first if none is its own): to peers, fellows, for echoes."""
        port = next((port for port in self.ports if port.network == network), self.ports[0])
        return port.send(data, place)

    def answer_soon(self, node: str) -> None:
        """Answer the next beat of a node on each network, because there is news for it."""
        source = self.sources.nodes.get(node)
        for stream in source.streams.values() if source else ():
            stream.answer_at = 0.0

    def drain(self, seconds: float = DRAIN_SECONDS) -> float:
        """Read what has arrived, and return the moment up to which everything is read: judge as of that moment.

        It is the moment of this call, unless ``seconds`` did not suffice. Then it is an earlier one, and reading goes
        on in the next turn of the loop. What comes in meanwhile is not waited for, so no flood keeps the judge waiting
        for ever: a full buffer is read within 0.2 s.
        """
        began = self._monotonic()
        deadline = began + seconds
        if self._read_owed(deadline):
            self._asked_at = began
            for port in self.ports:
                port.owed = port.waiting()
            self._read_owed(deadline)
        return self._complete_at

    def collect(self) -> Iterable[Metric]:
        """For a registry of prometheus-client."""
        yield from self.drops.collect()
        lost = CounterMetricFamily(
            "nfvi_ha_sentinel_datagrams_lost", "Datagrams that found the receive buffer full.", labels=["address"]
        )
        size = GaugeMetricFamily(
            "nfvi_ha_sentinel_receive_buffer_bytes", "Receive buffer that the kernel granted.", labels=["address"]
        )
        for port in self.ports:
            address = f"{port.address[0]}:{port.address[1]}"
            lost.add_metric([address], port.lost())
            size.add_metric([address], port.buffer_bytes)
        unsent = CounterMetricFamily("nfvi_ha_sentinel_answers_unsent", "Answers that could not be sent.")
        unsent.add_metric([], self.unsent)
        yield from (lost, size, unsent)

    def _turn(self, port: Port) -> None:
        """Something is there to read. What this turn leaves, the next one finds: the loop's poll is level-triggered."""
        deadline = self._monotonic() + TURN_SECONDS
        while self._read(port, BATCH) == BATCH and self._monotonic() < deadline:
            pass

    def _read_owed(self, deadline: float) -> bool:
        """Read what was there when the judge last asked; True when all of it is read."""
        while any(port.owed for port in self.ports):
            for port in self.ports:
                if port.owed:
                    self._read(port, min(BATCH, port.owed))
            if self._monotonic() >= deadline:
                break
        if any(port.owed for port in self.ports):
            return False
        self._complete_at = self._asked_at
        return True

    def _read(self, port: Port, most: int) -> int:
        """Read at most so many datagrams; fewer only when no more are there. Hot: everything in it counts."""
        receive, beats = port.socket.recvfrom, self.sources.beats
        now, read = self._monotonic(), 0
        while read < most:
            try:
                data, place = receive(MAX_DATAGRAM + 1)
            except BlockingIOError:
                port.owed = 0
                return read
            except OSError:
                self._defect(port.address, now)
                port.owed = 0
                return read
            read += 1
            try:
                # A name's length that reaches beyond the datagram finds no key, or one whose minimum is not met.
                key = beats.get(data[: _NAME_AT + data[HEADER_BYTES]]) if len(data) > _NAME_AT else None
                if key is not None and key.minimum <= len(data) <= MAX_DATAGRAM:
                    self._beat(port, key, data, place, now)
                else:
                    self._dispatch.take(data, place, now)
            except Exception:  # noqa: BLE001 - counted, logged: one datagram must not cost us the others (invariant 6)
                self._defect(place, now)
        port.owed = max(0, port.owed - read)
        return read

    def _beat(self, port: Port, key: BeatKey, data: bytes, place: Place, now: float) -> None:
        """What says to be a beat of a known node, key id and cluster. Hot as well."""
        source, at = key.source, key.state_at
        mac = key.mac.copy()
        mac.update(data[:-TAG_BYTES])
        if not compare_digest(mac.digest(), data[-TAG_BYTES:]):
            self.drops.drop(Drop.TAG, place[0], now, source.node)
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
            self.drops.drop(Drop.REPLAYED, place[0], now, source.node)
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
        self.drops.beats += 1

    def _changed(self, came: "_Arrival", key: BeatKey) -> None:
        """An authentic beat that is not word for word the one before on its network."""
        source, place, now = key.source, came.place, came.now
        try:
            beat = beat_of(came.data[HEADER_BYTES:-TAG_BYTES])
        except BadFrame as bad:
            self.drops.drop(OF_REASON[bad.reason], place[0], now, str(bad))
            return
        if came.port.network is not None and beat.network != came.port.network:
            self.drops.drop(Drop.NETWORK, place[0], now, source.node)
            return
        proven = beat.nonces[self.sources.seat] == self.sources.nonce
        fresh = source.judge(beat.boot_id, beat.incarnation, beat.network, beat.sequence, proven=proven)
        if fresh is Freshness.FRESH:
            self._take(came, key, beat)
            if now >= source.streams[beat.network].answer_at:
                source.streams[beat.network].answer_at = now + ANSWER_SECONDS
                self._answer(came, key, fresh, beat, beat.sequence)
            self.drops.beats += 1
        else:
            self.drops.drop(OF_FRESHNESS[fresh], place[0], now, source.node)
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

    def _defect(self, place: Place, now: float) -> None:
        if self.drops.drop(Drop.DEFECT, place[0], now):
            log.exception("a datagram could not be taken in", extra={"source": place[0]})


@dataclass(frozen=True, slots=True)
class _Arrival:
    """How a datagram came."""

    port: Port
    data: bytes
    place: Place
    now: float
