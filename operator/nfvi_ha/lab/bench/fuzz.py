"""Fuzz of the wire and the receiver: ``nfvi-ha lab bench fuzz``.

Through a real socket into a real receiver go true datagrams and spoiled ones, in random order. The fuzz knows what it
made, so after each batch the receiver's counts must be exactly the expected ones: every true and fresh frame taken,
nothing else, nothing uncounted. Beside that, bodies that are spoiled and truly signed go through every decoder, which
may refuse them with ``BadFrame`` and nothing else.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from nfvi_ha.core.wire.answer import Answer, decode_answer, encode_answer
from nfvi_ha.core.wire.beat import Beat, decode_beat
from nfvi_ha.core.wire.echo import EchoRequest, decode_echo_reply, decode_echo_request, encode_echo_request
from nfvi_ha.core.wire.frame import BadFrame, FrameKind, peek
from nfvi_ha.core.wire.goodbye import decode_goodbye
from nfvi_ha.core.wire.inventory import decode_inventory
from nfvi_ha.core.wire.local_fault import unpack
from nfvi_ha.core.wire.probe import (
    ProbeRequest,
    Target,
    decode_probe_request,
    decode_probe_result,
    encode_probe_request,
)
from nfvi_ha.core.wire.votes import decode_seat_beat, decode_told, decode_vote
from nfvi_ha.lab.bench.genuine import CLUSTER, NODES, SEAT, Genuine, Senders, sender_keys
from nfvi_ha.lab.bench.mutation import MUTATIONS, resealed
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.sentinel.drops import Drop
from nfvi_ha.sentinel.port import Listen
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.sources import Sources

BATCH: Final = 100
POOL: Final = 4000
"""True datagrams that are remembered, to be spoiled and played back."""
DECODERS: Final[dict[FrameKind, Callable[[bytes, bytes], Any]]] = {
    FrameKind.BEAT: lambda data, key: unpack(decode_beat(data, key).faults),
    FrameKind.ANSWER: decode_answer,
    FrameKind.INVENTORY: decode_inventory,
    FrameKind.GOODBYE: decode_goodbye,
    FrameKind.ECHO_REQUEST: lambda data, _key: decode_echo_request(data),
    FrameKind.ECHO_REPLY: decode_echo_reply,
    FrameKind.PROBE_REQUEST: decode_probe_request,
    FrameKind.PROBE_RESULT: decode_probe_result,
    FrameKind.SEAT_BEAT: decode_seat_beat,
    FrameKind.VOTE: decode_vote,
    FrameKind.TOLD: decode_told,
}


@dataclass(frozen=True, slots=True)
class FuzzOptions:
    """How many datagrams, and which."""

    count: int = 200_000
    seed: int = 1


async def run_fuzz(options: FuzzOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """The counts, as ``nfvi-ha lab bench fuzz -o json`` prints them.

    Raises:
        LabFailed: the receiver took what it must not take, or missed what it must take; with how to see it again.
    """
    began, said = time.monotonic(), time.monotonic()
    with closing(Fuzz(options.seed)) as fuzz:
        done = 0
        while done < options.count:
            size = min(BATCH, options.count - done)
            fuzz.batch(size)
            done += size
            await asyncio.sleep(0)  # so that it can be cancelled
            if time.monotonic() - said > 10:
                said = time.monotonic()
                say(f"{done} of {options.count} datagrams")
        return fuzz.result(options, time.monotonic() - began)


class Ear:
    """An audience that counts, and compares what it hears with who really lives."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self.counts: Counter[FrameKind] = Counter()
        self.wrong: list[str] = []

    def heard(
        self, node: str, _network: int, boot: str, incarnation: int, _rt: bool, _slow: bool, _episode: int, _now: float
    ) -> None:
        """A beat."""
        self._compare(node, boot, incarnation)
        self.counts[FrameKind.BEAT] += 1

    def told(self, beat: Beat, _place: Any, _now: float) -> None:
        """Another state."""
        unpack(beat.faults)

    def due(self, due: Any, _now: float) -> None:
        """No answer is sent, for nobody reads it."""

    def inventory(self, inventory: Any, _now: float) -> None:
        """VMs."""
        self._compare(inventory.node, inventory.boot_id, inventory.incarnation)
        self.counts[FrameKind.INVENTORY] += 1

    def goodbye(self, goodbye: Any, _now: float) -> None:
        """A planned stop."""
        self._compare(goodbye.node, goodbye.boot_id, goodbye.incarnation)
        self.counts[FrameKind.GOODBYE] += 1

    def echoed(self, _reply: Any, _place: Any, _now: float) -> None:
        """An echo."""
        self.counts[FrameKind.ECHO_REPLY] += 1

    def probe_result(self, _result: Any, _now: float) -> None:
        """What a peer found."""
        self.counts[FrameKind.PROBE_RESULT] += 1

    def seat_taken(self, _beat: Any, _now: float) -> None:
        """Another process has our seat."""

    def seat_beat(self, _beat: Any, _now: float) -> None:
        """Another seat."""
        self.counts[FrameKind.SEAT_BEAT] += 1

    def vote(self, _vote: Any, _now: float) -> None:
        """Its opinion."""
        self.counts[FrameKind.VOTE] += 1

    def delivered(self, _told: Any, _now: float) -> None:
        """What it delivered."""
        self.counts[FrameKind.TOLD] += 1

    def _compare(self, node: str, boot: str, incarnation: int) -> None:
        agent = self._senders.agents[node]
        if (agent.boot_id, agent.incarnation) != (boot, incarnation):
            self.wrong.append(f"{node} was heard as {boot}, {incarnation}")


class Fuzz:
    """One receiver under fire."""

    def __init__(self, seed: int) -> None:
        self._random = random = Random(seed)  # noqa: S311 - it shall be repeatable
        masters, self._vote_key = sender_keys(random)
        nonce = random.getrandbits(64)
        self._senders = Senders(random, masters, self._vote_key, nonce)
        sources = Sources(SEAT, nonce)
        sources.configure(CLUSTER, masters, {0: self._vote_key})
        sources.set_nodes(NODES)
        self._ear = Ear(self._senders)
        self._receiver = Receiver([Listen("127.0.0.1", 0)], sources, self._ear)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._place = self._receiver.ports[0].address
        self._pool: list[Genuine] = []
        self._expected: Counter[FrameKind] = Counter()
        self._sent = 0
        self._decoded = self._refused = 0
        self._asked = list(_agent_frames(random))
        self._send(self._true(self._senders.next()))

    def close(self) -> None:
        """Close the sockets."""
        self._receiver.close()
        self._socket.close()

    def batch(self, size: int) -> None:
        """Send so many, let them be read, and compare.

        Raises:
            LabFailed: the counts are not the expected ones.
        """
        started = self._senders.restart()
        if started is not None:
            self._send(self._true(started))
            size -= 1
        for _ in range(size):
            if self._random.random() < 0.2:
                self._decode()
            else:
                self._send(self._next())
        self._receiver.drain(60.0)
        self._compare()

    def result(self, options: FuzzOptions, seconds: float) -> dict[str, Any]:
        """What was sent and what became of it."""
        drops = self._receiver.drops
        return {
            "bench": "fuzz",
            "options": {"count": options.count, "seed": options.seed},
            "seconds": round(seconds, 1),
            "through_the_receiver": self._sent,
            "taken": {kind.name.lower(): count for kind, count in drops.accepted.items() if count},
            "dropped": {reason.value: count for reason, count in drops.dropped.items() if count},
            "decoded_with_a_true_tag": self._decoded,
            "of_these_refused": self._refused,
        }

    def _send(self, data: bytes) -> None:
        self._socket.sendto(data, self._place)
        self._sent += 1

    def _true(self, frame: Genuine) -> bytes:
        if len(self._pool) < POOL:
            self._pool.append(frame)
        else:
            self._pool[self._random.randrange(POOL)] = frame
        self._expected[frame.kind] += not frame.worthless
        return frame.data

    def _next(self) -> bytes:
        """A true and new one, a copy, or a spoiled one; what must be taken of it is noted."""
        random, choice = self._random, self._random.random()
        if choice < 0.15:
            return self._true(self._senders.next())
        one, other = random.choice(self._pool), random.choice(self._pool)
        data = one.data if choice < 0.3 else random.choice(MUTATIONS)(random, one.data, other.data)
        for frame in (one, other):
            if data == frame.data:
                self._expected[frame.kind] += self._senders.accepts_again(frame)
                break
        return data

    def _decode(self) -> None:
        """One spoiled body with a true tag, to its decoder; and one spoiled datagram to all that read without a key."""
        random = self._random
        if random.random() < 0.3:
            kind, data = random.choice(self._asked)
            key = b"" if kind is FrameKind.ECHO_REQUEST else self._vote_key
        else:
            frame = random.choice(self._pool)
            key_id = int.from_bytes(frame.data[4:8], "big")
            kind, data = frame.kind, frame.data
            key = self._senders.keys[frame.node, key_id] if frame.node else self._vote_key
        self._decoded += 1
        try:
            DECODERS[kind](resealed(random, data, kind, key), key)
        except BadFrame:
            self._refused += 1
        with suppress(BadFrame):
            peek(random.choice(MUTATIONS)(random, data, data))

    def _compare(self) -> None:
        drops, ear = self._receiver.drops, self._ear
        taken = {kind: count for kind, count in drops.accepted.items() if count}
        complaints = [*ear.wrong]
        if taken != dict(+self._expected) or taken != dict(ear.counts):
            complaints.append(f"taken {taken}, told {dict(ear.counts)}, expected {dict(self._expected)}")
        if drops.total != self._sent:
            complaints.append(f"{self._sent} sent, {drops.total} counted")
        if drops.dropped[Drop.DEFECT]:
            complaints.append("an exception beside BadFrame; see the log")
        if complaints:
            raise LabFailed(f"after {self._sent} datagrams: {'; '.join(complaints)}")


def _agent_frames(random: Random) -> Iterator[tuple[FrameKind, bytes]]:
    """What agents receive: it is decoded only, for no receiver of a sentinel takes it."""
    key = random.randbytes(32)
    answer = Answer(SEAT, 1, 2, 3, 4, True, 5, 6, False)
    targets = (Target(0, "10.0.0.2", 7411, (10250, 22)), Target(1, "fd00::2", 7411, ()))
    request = ProbeRequest(NODES[0], SEAT, 7, NODES[1], targets)
    yield FrameKind.ANSWER, encode_answer(answer, key, 1, CLUSTER)
    yield FrameKind.PROBE_REQUEST, encode_probe_request(request, key, 1, CLUSTER)
    yield FrameKind.ECHO_REQUEST, encode_echo_request(EchoRequest(NODES[0], 8), CLUSTER)
