"""A receiver on loopback, agents and seats that send to it, and an audience that writes everything down."""

import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from nfvi_ha.core.verdict.inputs import Vote
from nfvi_ha.core.wire.answer import Answer, decode_answer, encode_answer
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog, encode_beat
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.replay import Freshness
from nfvi_ha.sentinel.audience import Due
from nfvi_ha.sentinel.port import Listen
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.sources import Sources

CLUSTER = cluster_id("test")
MASTERS = {1: bytes(range(32)), 2: bytes(range(1, 33))}
VOTE_KEY = bytes(range(64, 96))
NODES = ("worker-1", "worker-2", "worker-3")
SEAT, NONCE = 1, 0xABCDEF0123456789
BOOT = "5b3f6c1e-8a52-4a8e-9f0d-1d7c2b3a4f50"
OTHER_BOOT = "5b3f6c1e-8a52-4a8e-9f0d-1d7c2b3a4f51"
NONCES = (7, NONCE, 9)


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ear:
    """An audience. ``changes`` is all that could alter what a sentinel thinks."""

    changes: list[tuple[Any, ...]] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    answering: bool = True
    fails: bool = False

    def heard(self, *what: Any) -> None:
        if self.fails:
            raise RuntimeError("heard")
        self.changes.append(("heard", *what[:-1]))

    def told(self, beat: Beat, place: Any, now: float) -> None:
        self.changes.append(("told", beat))

    def due(self, due: Due, now: float) -> bytes | None:
        self.dues.append(due)
        permit = due.freshness is Freshness.FRESH
        answer = Answer(SEAT, NONCE, due.incarnation, due.sequence, 0, permit, 0, 0, False)
        return encode_answer(answer, due.key, due.key_id, CLUSTER) if self.answering else None

    def inventory(self, inventory: Any, now: float) -> None:
        self.changes.append(("inventory", inventory))

    def goodbye(self, goodbye: Any, now: float) -> None:
        self.changes.append(("goodbye", goodbye))

    def echoed(self, reply: Any, place: Any, now: float) -> None:
        self.changes.append(("echoed", reply))

    def probe_result(self, result: Any, now: float) -> None:
        self.changes.append(("probe_result", result))

    def seat_beat(self, beat: Any, now: float) -> None:
        self.changes.append(("seat_beat", beat))

    def seat_taken(self, beat: Any, now: float) -> None:
        self.changes.append(("seat_taken", beat))

    def vote(self, vote: Vote, now: float) -> None:
        self.changes.append(("vote", vote))

    def delivered(self, told: Any, now: float) -> None:
        self.changes.append(("delivered", told))

    def counted(self) -> Counter[str]:
        return Counter(str(change[0]) for change in self.changes)

    def of(self, what: str) -> list[Any]:
        return [change[1] if len(change) == 2 else change[1:] for change in self.changes if change[0] == what]


def make_sources(masters: dict[int, bytes] | None = None) -> Sources:
    sources = Sources(SEAT, NONCE)
    sources.configure(CLUSTER, masters if masters is not None else MASTERS, {0: VOTE_KEY})
    sources.set_nodes(NODES)
    return sources


class World:
    """A receiver with two networks, driven by hand."""

    def __init__(self, networks: tuple[int | None, ...] = (0, 1)) -> None:
        self.clock, self.ear, self.sources = Clock(), Ear(), make_sources()
        listen = [Listen("127.0.0.1", 0, network) for network in networks]
        self.receiver = Receiver(listen, self.sources, self.ear, self.clock)
        self._senders: dict[object, socket.socket] = {}

    def close(self) -> None:
        self.receiver.close()
        for sender in self._senders.values():
            sender.close()

    def sender(self, who: object) -> socket.socket:
        if who not in self._senders:
            made = self._senders[who] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.bind(("127.0.0.1", 0))
            made.setblocking(False)
        return self._senders[who]

    def send(self, *datagrams: bytes, port: int = 0, who: object = "agent") -> None:
        for datagram in datagrams:
            self.sender(who).sendto(datagram, self.receiver.ports[port].address)

    def take(self, *datagrams: bytes, port: int = 0, who: object = "agent") -> None:
        self.send(*datagrams, port=port, who=who)
        self.receiver.drain(10.0)

    def answers(self, node: str = NODES[0], key_id: int = 1, who: object = "agent") -> list[Answer]:
        found = []
        while True:
            try:
                data = self.sender(who).recv(2048)
            except BlockingIOError:
                return found
            found.append(decode_answer(data, node_key(MASTERS[key_id], node, key_id), CLUSTER))

    def dropped(self) -> dict[str, int]:
        return {reason.value: count for reason, count in self.receiver.drops.dropped.items() if count}


BEAT = Beat(
    node=NODES[0],
    boot_id=BOOT,
    incarnation=100,
    sequence=1,
    network=0,
    flags=Flags.REAL_TIME,
    watchdog=Watchdog.NONE,
    lag_ms=1,
    episode=0,
    fault_generation=0,
    inventory_generation=0,
    nonces=NONCES,
)


def beat(key_id: int = 1, *, signer: str = "", cluster: bytes = CLUSTER, **fields: Any) -> bytes:
    """A datagram; ``signer`` is the node whose key it is signed with, by default its own."""
    value = replace(BEAT, **fields)
    return encode_beat(value, node_key(MASTERS[key_id], signer or value.node, key_id), key_id, cluster)
