"""Probes of a silent hypervisor: by TCP, ICMP and UDP echo on all networks at once, and by its peers' agents.

What answers is told as it comes; what has not answered after 180 ms is told as silent, so that the verdict has all of
it within 200 ms (DESIGN section 4).
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from nfvi_ha.core.wire.echo import EchoReply, EchoRequest, encode_echo_request
from nfvi_ha.core.wire.probe import (
    MAX_TARGETS,
    MAX_TCP_PORTS,
    Method,
    Outcome,
    ProbeRequest,
    ProbeResult,
    Target,
    encode_probe_request,
)
from nfvi_ha.sentinel.sources import Place
from nfvi_ha.sentinel.tcp import try_connect

ROUND_SECONDS: Final = 0.18
REQUEST_SECONDS: Final = 5.0
"""A peer's result that comes later belongs to another question."""
ASK_AGAIN_SECONDS: Final = 0.2
"""A peer tries for 180 ms: what it is asked meanwhile it would find out anyway."""
SERVED_SECONDS: Final = 0.3
"""So long after we were served ourselves no peer is asked: it could not tell us more. Less than a proof's life in the
verdicts (350 ms), so peers are asked before a node that has stopped serving us is called silent."""
Report = Callable[[str, int, Method, Outcome, str], None]
"""Node, network, method, outcome, and by whom ("" for ourselves)."""


class Pings(Protocol):
    """The part of ``icmp.Pinger`` that we use."""

    def ping(self, address: str, number: int) -> bool:
        """Send one request; False where it cannot be sent."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """How a node is reached on one network."""

    address: str
    udp_port: int
    """Of its agent; 0 while that was never heard there."""
    tcp_ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    node: str
    network: int


class Prober:
    """Sends probes and reports what becomes of them.

    Args:
        seat: ours.
        send: sends a datagram from the beat socket of a network.
        reach: how a node is reached, by network.
        place: where a peer's agent was last heard, with its network; None if nowhere.
        cluster: its id on the wire.
        pings: ICMP.
        report: takes what was found.
        spawn: runs a coroutine in the background.
    """

    def __init__(
        self,
        *,
        seat: int,
        send: Callable[[int, bytes, Place], object],
        reach: Callable[[str], Mapping[int, Reach]],
        place: Callable[[str], tuple[int, Place] | None],
        cluster: Callable[[], bytes],
        pings: Pings,
        report: Report,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._seat = seat
        self._send = send
        self._reach = reach
        self._place = place
        self._keys: dict[str, tuple[bytes, int]] = {}
        self._cluster = cluster
        self._pings = pings
        self._report = report
        self._spawn = spawn
        self._rounds: set[str] = set()
        self._pinged: dict[int, _Asked] = {}
        self._echoed: dict[int, _Asked] = {}
        self._requests: dict[int, tuple[str, str]] = {}
        """Peer asked and target, by request id."""
        self._asked_at: dict[tuple[str, str], float] = {}
        """By peer and target, as long as it may be on it; loop's time."""
        self._served_at: dict[str, float] = {}
        """By node: when it last served us; loop's time."""

    def learn_key(self, node: str, key: bytes, key_id: int) -> None:
        """A node's agent signs with this key: it has it, which of a newer one nobody knows."""
        self._keys[node] = key, key_id

    def probe(self, node: str) -> None:
        """Try a node by all means; nothing happens while that is under way."""
        reach = self._reach(node)
        if node in self._rounds or not reach:
            return
        self._rounds.add(node)
        numbers = [number for network, found in reach.items() for number in self._send_echoes(node, network, found)]
        asyncio.get_running_loop().call_later(ROUND_SECONDS, self._end_round, node, numbers)
        for network, found in reach.items():
            if found.tcp_ports:
                self._spawn(self._try_tcp(node, network, found))

    def ask(self, node: str, peers: Iterable[str]) -> None:
        """Have peers try a node: those that are not on it, and only while it does not serve us ourselves."""
        now = asyncio.get_running_loop().time()
        if now - self._served_at.get(node, float("-inf")) < SERVED_SECONDS:
            return
        targets = tuple(
            Target(network, found.address, found.udp_port, found.tcp_ports[:MAX_TCP_PORTS])
            for network, found in self._reach(node).items()
        )[:MAX_TARGETS]
        if not targets:
            return
        for peer in peers:
            place, key = self._place(peer), self._keys.get(peer)
            busy = now - self._asked_at.get((peer, node), float("-inf")) < ASK_AGAIN_SECONDS
            if place is None or key is None or busy:
                continue
            self._asked_at[peer, node] = now
            request_id = secrets.randbits(64)
            request = ProbeRequest(peer, self._seat, request_id, node, targets)
            self._requests[request_id] = (peer, node)
            asyncio.get_running_loop().call_later(REQUEST_SECONDS, self._expire, request_id, peer, node)
            self._send(place[0], encode_probe_request(request, key[0], key[1], self._cluster()), place[1])

    def pinged(self, number: int) -> None:
        """An ICMP reply came."""
        asked = self._pinged.pop(number, None)
        if asked is not None:
            self._report(asked.node, asked.network, Method.ICMP, Outcome.ANSWERED, "")

    def echoed(self, reply: EchoReply) -> None:
        """A verified reply of an agent came."""
        asked = self._echoed.get(reply.nonce)
        if asked is not None and asked.node == reply.node:
            del self._echoed[reply.nonce]
            self._served(asked.node)
            self._report(asked.node, asked.network, Method.UDP, Outcome.ANSWERED, "")

    def result(self, result: ProbeResult) -> None:
        """A verified result of a peer came."""
        if self._requests.get(result.request_id) != (result.node, result.target):
            return
        del self._requests[result.request_id]
        for found in result.results:
            self._report(result.target, found.network, found.method, found.outcome, result.node)

    def _send_echoes(self, node: str, network: int, found: Reach) -> list[int]:
        ping, echo = secrets.randbits(64), secrets.randbits(64)
        if self._pings.ping(found.address, ping):
            self._pinged[ping] = _Asked(node, network)
        if found.udp_port:
            self._echoed[echo] = _Asked(node, network)
            request = encode_echo_request(EchoRequest(node, echo), self._cluster())
            self._send(network, request, (found.address, found.udp_port))
        return [ping, echo]

    async def _try_tcp(self, node: str, network: int, found: Reach) -> None:
        """The best answer of all ports: accepted at once, else refused, else silent."""
        tries = [
            asyncio.ensure_future(try_connect(found.address, port, ROUND_SECONDS - 0.02)) for port in found.tcp_ports
        ]
        outcomes = []
        for done in asyncio.as_completed(tries):
            outcome = await done
            if outcome is Outcome.ACCEPTED:
                for other in tries:
                    other.cancel()
                self._served(node)
                self._report(node, network, Method.TCP, outcome, "")
                return
            outcomes.append(outcome)
        told = [outcome for outcome in outcomes if outcome is not None]
        if told:
            best = Outcome.REFUSED if Outcome.REFUSED in told else Outcome.SILENT
            self._report(node, network, Method.TCP, best, "")

    def _served(self, node: str) -> None:
        self._served_at[node] = asyncio.get_running_loop().time()

    def _expire(self, request_id: int, peer: str, node: str) -> None:
        """Nobody waits for that request any more."""
        self._requests.pop(request_id, None)
        if asyncio.get_running_loop().time() - self._asked_at.get((peer, node), float("inf")) >= REQUEST_SECONDS:
            del self._asked_at[peer, node]

    def _end_round(self, node: str, numbers: Iterable[int]) -> None:
        self._rounds.discard(node)
        for number in numbers:
            for waiting, method in ((self._pinged, Method.ICMP), (self._echoed, Method.UDP)):
                asked = waiting.pop(number, None)
                if asked is not None:
                    self._report(asked.node, asked.network, method, Outcome.SILENT, "")
