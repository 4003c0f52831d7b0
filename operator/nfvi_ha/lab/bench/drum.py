"""Beats by the ten thousand a second, for the bench: only their counters are new, so only they are packed anew.

``python -m nfvi_ha.lab.bench.drum`` is the process that stands for 1,000 agents.
"""

import asyncio
import hashlib
import socket
import time
from typing import Any, Final

from nfvi_ha.core.wire.beat import COUNTERS, Beat, encode_beat
from nfvi_ha.core.wire.frame import HEADER_BYTES, TAG_BYTES
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.lab.bench.part import Json, serve

SLOTS: Final = 20
"""Parts of a period in which a share of the nodes beats: 1,000 hosts do not beat in the same instant."""
PERIOD_SECONDS: Final = 0.1


class Drum:
    """One node's beats over one network, word for word as ``encode_beat`` makes them (a test says so)."""

    __slots__ = ("_before", "_behind", "_mac")

    def __init__(self, beat: Beat, master: bytes, key_id: int, cluster: bytes) -> None:
        key = node_key(master, beat.node, key_id)
        whole = encode_beat(beat, key, key_id, cluster)
        at = HEADER_BYTES + 1 + len(beat.node.encode())
        self._before, self._behind = whole[:at], whole[at + COUNTERS.size : -TAG_BYTES]
        self._mac: Any = hashlib.blake2b(key=key, digest_size=TAG_BYTES)

    def beat(self, sequence: int, lag_ms: int = 1) -> bytes:
        """The datagram."""
        signed = self._before + COUNTERS.pack(sequence, lag_ms) + self._behind
        mac = self._mac.copy()
        mac.update(signed)
        return signed + bytes(mac.digest())


class Drummer:
    """All nodes, each on all networks, until its time to fall silent."""

    def __init__(self, order: Json) -> None:
        from nfvi_ha.lab.bench.throughput import CLUSTER, template

        master, self._places = bytes.fromhex(order["master"]), [tuple(place) for place in order["places"]]
        self._silent_at: dict[str, float] = order["silent"]
        nonces = (order["nonce"], 0, 0)
        self._drums = [
            (node, [Drum(template(node, network, nonces), master, 1, CLUSTER) for network in range(len(self._places))])
            for node in order["nodes"]
        ]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.last: dict[str, int] = {}
        """Of each node that fell silent: when its last beat was sent, CLOCK_MONOTONIC in ns."""
        self.worst_gap_seconds = 0.0

    async def run(self, start: float, seconds: float) -> None:
        """Beat from ``start`` (monotonic) on, without drift."""
        period, step = 0, PERIOD_SECONDS / SLOTS
        before = start
        while period * PERIOD_SECONDS < seconds:
            for slot in range(SLOTS):
                due = start + period * PERIOD_SECONDS + slot * step
                await asyncio.sleep(due - time.monotonic())
                now = time.monotonic()
                self.worst_gap_seconds = max(self.worst_gap_seconds, now - before)
                before = now
                self._beat(slot, period, now - start)
            period += 1
        self._socket.close()

    def _beat(self, slot: int, period: int, since: float) -> None:
        for node, drums in self._drums[slot::SLOTS]:
            at = self._silent_at.get(node)
            if at is not None:
                if since >= at:
                    continue
                self.last[node] = time.monotonic_ns()
            for drum, place in zip(drums, self._places, strict=True):
                self._socket.sendto(drum.beat(period), place)


async def flood(places: list[Any], start: float, seconds: float, per_second: float) -> int:
    """Garbage at that pace, as long as a beat, half of it with a beat's first bytes; returns how much was sent."""
    from nfvi_ha.lab.bench.throughput import CLUSTER, template

    true = Drum(template("worker-0", 0, (0, 0, 0)), bytes(32), 1, CLUSTER).beat(1)
    garbage, targets = (true, b"x" * len(true)), [tuple(place) for place in places]
    sent, step = 0, PERIOD_SECONDS / SLOTS
    await asyncio.sleep(start - time.monotonic())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while (since := time.monotonic() - start) < seconds:
            while sent < since * per_second:
                sender.sendto(garbage[sent % 2], targets[sent // 2 % len(targets)])
                sent += 1
            await asyncio.sleep(step)
    return sent


async def main() -> None:
    """Serve the bench."""

    async def answer(order: Json) -> Json:
        if order["do"] == "flood":
            return {"sent": await flood(order["places"], order["start"], order["seconds"], order["per_second"])}
        drummer = Drummer(order)
        await drummer.run(order["start"], order["seconds"])
        return {"last": drummer.last, "worst_gap_ms": round(drummer.worst_gap_seconds * 1000, 1)}

    from nfvi_ha.sentinel.real_time import ask_for_real_time

    ask_for_real_time()
    await serve(answer)


if __name__ == "__main__":
    asyncio.run(main())
