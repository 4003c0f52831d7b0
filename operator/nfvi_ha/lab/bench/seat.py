"""One sentinel seat for the bench: the real receiver, the real verdicts, and another seat that agrees with everything.

``python -m nfvi_ha.lab.bench.seat`` is its process.
"""

import asyncio
import gc
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.inputs import NodeFacts, Opinion, Reach, Vote
from nfvi_ha.core.verdict.outputs import CastVote, NodeState, Outputs, Raise, StateChanged
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.verdicts import Verdicts
from nfvi_ha.core.wire.answer import Answer, encode_answer
from nfvi_ha.core.wire.beat import Beat
from nfvi_ha.core.wire.frame import cluster_id
from nfvi_ha.lab.bench.part import Json, serve
from nfvi_ha.sentinel.audience import Due
from nfvi_ha.sentinel.port import Listen
from nfvi_ha.sentinel.receiver import Receiver
from nfvi_ha.sentinel.sources import Sources

TICK_SECONDS: Final = 0.02
SEAT: Final = 0
OTHER_SEAT: Final = 1
OTHER_INCARNATION: Final = 1
NETWORKS: Final = ("management", "storage")


def roster(nodes: int) -> Mapping[str, NodeFacts]:
    """So many governed hypervisors."""
    facts = NodeFacts(networks=NETWORKS)
    return {f"worker-{number}": facts for number in range(nodes)}


class Seat:
    """The receiver's audience, and the judge."""

    def __init__(self, nonce: int, cluster: bytes, policy: VerdictPolicy) -> None:
        self.verdicts = Verdicts(SEAT, policy)
        self._nonce, self._cluster = nonce, cluster
        self._votes = 0
        self.suspected: list[tuple[str, int]] = []
        """Node and when (CLOCK_MONOTONIC, ns)."""
        self.failed: list[tuple[str, int]] = []
        self.other: list[str] = []
        """Everything else that was raised."""
        self.worst_tick_seconds = 0.0
        self.late_drains = 0

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
    ) -> None:
        """A beat."""
        outputs = self.verdicts.heard(node, network, boot_id, incarnation, real_time, self_slow, episode, now)
        if outputs:
            self.do(outputs)

    def told(self, beat: Beat, place: Any, now: float) -> None:
        """Another state: nothing hangs on it here."""

    def due(self, due: Due, _now: float) -> bytes:
        """An answer as a sentinel makes it."""
        answer = Answer(SEAT, self._nonce, due.incarnation, due.sequence, 0, True, 0, 0, False)
        return encode_answer(answer, due.key, due.key_id, self._cluster)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the bench sends nothing that would call {name}")

    async def judge(self, receiver: Receiver) -> None:
        """Drain, judge, 50 times a second, for ever."""
        due = time.monotonic()
        while True:
            began = time.monotonic()
            now = receiver.drain()
            self.late_drains += now < began
            self.verdicts.seat_heard(OTHER_SEAT, OTHER_INCARNATION, now)
            self.do(self.verdicts.tick(now))
            self.worst_tick_seconds = max(self.worst_tick_seconds, time.monotonic() - began)
            due = max(due + TICK_SECONDS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def do(self, outputs: Outputs) -> None:
        """Note verdicts; let the other seat agree with each vote at once."""
        for output in outputs:
            match output:
                case StateChanged(node, NodeState.SUSPECT, _):
                    self.suspected.append((node, time.monotonic_ns()))
                case Raise(kind=FaultKind.HYPERVISOR_FAILED, node=node):
                    self.failed.append((node, time.monotonic_ns()))
                case Raise(kind=kind, node=node):
                    self.other.append(f"{kind.value} {node}")
                case CastVote(opinion=Opinion.SILENT):
                    self._votes += 1
                    head = (OTHER_SEAT, OTHER_INCARNATION, self._votes, output.node, output.boot_id)
                    vote = Vote(*head, Opinion.SILENT, Reach.NONE, 0, output.episode)
                    self.do(self.verdicts.voted(vote, time.monotonic()))


class Process:
    """The asked side."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    async def answer(self, order: Json) -> Json:
        """``start`` opens the sockets and judges; ``tell`` says what was seen since."""
        if order["do"] == "start":
            return self._start(order)
        receiver, seat = self._receiver, self._seat
        return {
            "suspected": seat.suspected,
            "failed": seat.failed,
            "other": seat.other,
            "states": {state.value: count for state, count in seat.verdicts.summary().items()},
            "beats": receiver.drops.beats,
            "datagrams": receiver.drops.total,
            "dropped": {reason.value: count for reason, count in receiver.drops.dropped.items() if count},
            "lost_in_kernel": sum(port.lost() for port in receiver.ports),
            "receive_buffer_bytes": receiver.ports[0].buffer_bytes,
            "worst_tick_ms": round(seat.worst_tick_seconds * 1000, 1),
            "drains_that_took_more_than_one_turn": seat.late_drains,
        }

    def _start(self, order: Json) -> Json:
        cluster, nonce = cluster_id("bench"), secrets.randbits(63)
        sources, expected = Sources(SEAT, nonce), roster(order["nodes"])
        sources.configure(cluster, {1: bytes.fromhex(order["master"])}, {})
        sources.set_nodes(expected)
        self._seat = Seat(nonce, cluster, VerdictPolicy(networks=NETWORKS))
        self._receiver = Receiver(
            [Listen("127.0.0.1", 0, network) for network in range(len(NETWORKS))], sources, self._seat
        )
        self._seat.verdicts.set_roster(expected, time.monotonic())
        self._receiver.start()
        gc.collect()
        gc.freeze()
        self._tasks.append(asyncio.create_task(self._seat.judge(self._receiver)))
        return {"nonce": nonce, "places": [port.address for port in self._receiver.ports]}


async def main() -> None:
    """Serve the bench."""
    from nfvi_ha.sentinel.real_time import ask_for_real_time

    ask_for_real_time()
    await serve(Process().answer)


if __name__ == "__main__":
    asyncio.run(main())
