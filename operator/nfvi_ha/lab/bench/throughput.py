"""How many beats a second one core verifies: a full receive buffer, emptied again and again."""

import socket
import time
from dataclasses import replace
from random import Random
from typing import Any, Final

from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.wire.beat import Beat, Flags, Watchdog
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.lab.bench.drum import Drum
from nfvi_ha.lab.bench.seat import Seat, roster
from nfvi_ha.sentinel.port import Listen
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.sources import Sources

NODES: Final = 1000
FILL: Final = 10_000
"""Datagrams that surely fit the buffer."""
CLUSTER: Final = cluster_id("bench")
BOOT: Final = "5b3f6c1e-8a52-4a8e-9f0d-1d7c2b3a4f50"


class Silence:
    """An audience that does nothing, to see what the receiver alone costs."""

    def heard(self, *_: object) -> None:
        """A beat."""

    def __getattr__(self, name: str) -> Any:
        return self.heard


def throughput(rounds: int, seed: int) -> dict[str, Any]:
    """Beats a second of CPU time of this process: receiver alone, with the real verdicts, and with faults aboard."""
    return {
        "receiver_alone_beats_per_second": _rate(Silence(), rounds, seed, b""),
        "with_verdicts_beats_per_second": _rate(_seat_with_verdicts(seed), rounds, seed, b""),
        "receiver_alone_500_bytes_of_faults_beats_per_second": _rate(Silence(), rounds, seed, bytes(500)),
        "garbage_per_second": _garbage(rounds),
    }


def template(node: str, network: int, nonces: tuple[int, int, int], incarnation: int = 1) -> Beat:
    """A beat of a healthy node; its counters are filled in later."""
    return Beat(node, BOOT, incarnation, 0, network, Flags.REAL_TIME, Watchdog.ARMED, 1, 0, 0, 0, nonces)


def _seat_with_verdicts(seed: int) -> Seat:
    seat = Seat(Random(seed).getrandbits(64), CLUSTER, VerdictPolicy())  # noqa: S311 - no secret
    seat.verdicts.set_roster(roster(NODES), time.monotonic())
    return seat


def _rate(audience: Any, rounds: int, seed: int, faults: bytes) -> int:
    """Datagrams are made before the clock runs; only draining counts."""
    master, nonce = Random(seed).randbytes(32), Random(seed).getrandbits(64)  # noqa: S311 - no secret
    sources = Sources(0, nonce)
    sources.configure(CLUSTER, {1: master}, {})
    sources.set_nodes(roster(NODES))
    receiver = Receiver([Listen("127.0.0.1", 0)], sources, audience)
    nonces = (nonce, 0, 0)
    drums = [Drum(replace(template(node, 0, nonces), faults=faults), master, 1, CLUSTER) for node in roster(NODES)]
    try:
        spent, read = 0.0, 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(rounds):
                for period in range(FILL // NODES):
                    for drum in drums:
                        sender.sendto(drum.beat(number * FILL + period), receiver.ports[0].address)
                began = time.process_time()
                receiver.drain(60.0)
                # The first round decodes each node's first beat; from then on all is as it is for hours.
                spent += (time.process_time() - began) if number else 0.0
                read += FILL if number else 0
        return round(read / spent)
    finally:
        receiver.close()


def _garbage(rounds: int) -> int:
    sources = Sources(0, 1)
    receiver = Receiver([Listen("127.0.0.1", 0)], sources, Silence())
    try:
        spent, began = 0.0, 0.0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(rounds):
                for _ in range(FILL):
                    sender.sendto(b"garbage that is about as long as a beat" * 3, receiver.ports[0].address)
                began = time.process_time()
                receiver.drain(60.0)
                spent += time.process_time() - began
        return round(rounds * FILL / spent)
    finally:
        receiver.close()
