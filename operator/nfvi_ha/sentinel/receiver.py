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
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from nfvi_ha.core.wire.frame import HEADER_BYTES, MAX_DATAGRAM
from nfvi_ha.sentinel.audience import Audience
from nfvi_ha.sentinel.beats import Beats
from nfvi_ha.sentinel.dispatch import Dispatch
from nfvi_ha.sentinel.drops import Drop, Drops
from nfvi_ha.sentinel.port import Listen, Port
from nfvi_ha.sentinel.sources import Place, Sources

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.02
"""So long one turn of the loop may read, then others have theirs."""
PAUSE_SECONDS: Final = 0.002
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
        self._monotonic = monotonic
        self._beats = Beats(sources, self.drops, audience)
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
            self._loop.add_reader(port.socket, self._turn, port, self._loop)
            log.info("listening", extra={"address": str(port.address), "receive_buffer_bytes": port.buffer_bytes})

    def close(self) -> None:
        """Stop reading, close the sockets."""
        for port in self.ports:
            if self._loop is not None:
                self._loop.remove_reader(port.socket)
            if port.pause is not None:
                port.pause.cancel()
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
        unsent.add_metric([], self._beats.unsent)
        yield from (lost, size, unsent)

    def _turn(self, port: Port, loop: asyncio.AbstractEventLoop) -> None:
        """Something is there to read. What this turn leaves, the next one finds: the loop's poll is level-triggered.

        When much comes in, being woken for each datagram costs as much as taking it in; so the loop then looks every
        2 ms by itself, until it finds nothing. A single fault out of the calm is taken in at once.
        """
        before, port.turned_at = port.turned_at, self._monotonic()
        _, more = self._read_for_a_turn(port)
        if not more and port.turned_at - before < 2 * PAUSE_SECONDS:
            loop.remove_reader(port.socket)
            port.pause = loop.call_later(PAUSE_SECONDS, self._look, port, loop)

    def _look(self, port: Port, loop: asyncio.AbstractEventLoop) -> None:
        read, more = self._read_for_a_turn(port)
        if read:
            port.pause = loop.call_later(0.0 if more else PAUSE_SECONDS, self._look, port, loop)
        else:
            port.pause = None
            loop.add_reader(port.socket, self._turn, port, loop)

    def _read_for_a_turn(self, port: Port) -> tuple[int, bool]:
        """How many were read, and whether more may be there."""
        deadline, total = self._monotonic() + TURN_SECONDS, 0
        while True:
            read = self._read(port, BATCH)
            total += read
            if read < BATCH or self._monotonic() >= deadline:
                return total, read == BATCH

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
                    self._beats.take(port, key, data, place, now)
                else:
                    self._dispatch.take(data, place, now)
            except Exception:  # noqa: BLE001 - counted, logged: one datagram must not cost us the others (invariant 6)
                self._defect(place, now)
        port.owed = max(0, port.owed - read)
        return read

    def _defect(self, place: Place, now: float) -> None:
        if self.drops.drop(Drop.DEFECT, place[0], now):
            log.exception("a datagram could not be taken in", extra={"source": place[0]})
