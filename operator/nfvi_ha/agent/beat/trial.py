"""Trying one node for one sentinel: every method on every network at once, within 180 ms."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.agent.beat.connect import Connect
from nfvi_ha.agent.beat.icmp import Icmp
from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.poller import Poller
from nfvi_ha.agent.beat.port import Port
from nfvi_ha.core.wire.echo import EchoRequest, encode_echo_request
from nfvi_ha.core.wire.probe import Found, Method, Outcome, ProbeRequest, Target

DEADLINE_SECONDS: Final = 0.18
"""Results are back at the sentinel within 200 ms (its budget from SUSPECT to CONFIRMED is 250)."""


@dataclass(frozen=True, slots=True)
class Means:
    """What trials are made with; one port and, where permitted, one ICMP socket per network, by its number."""

    ports: tuple[Port, ...]
    icmp: dict[int, Icmp]
    poller: Poller
    keys: Keyring


class Trial:
    """One request under way. ``changed`` is called when a method has found life, and when all are decided."""

    def __init__(self, request: ProbeRequest, means: Means, now: float, changed: Callable[["Trial"], None]) -> None:
        self.request = request
        self.deadline = now + DEADLINE_SECONDS
        self._means = means
        self._changed = changed
        self._found: dict[tuple[int, Method], Outcome | None] = {}
        self._nonces: dict[int, tuple[int, Method]] = {}
        self._connects: list[Connect] = []
        self._started = False

    def start(self) -> None:
        """Ask by all means. Networks that are not ours are left out."""
        for target in self.request.targets:
            if target.network < len(self._means.ports) and self._means.ports[target.network].address:
                self._ask_udp(target)
                self._ask_icmp(target)
                self._connect(target)
        self._started = True
        if self.done or any(_alive(found.outcome) for found in self.results()):
            self._changed(self)

    def replied(self, nonce: int) -> None:
        """A reply came; it may be to a question of another trial."""
        place = self._nonces.pop(nonce, None)
        if place is not None:
            self._decide(place, Outcome.ANSWERED)

    def results(self) -> tuple[Found, ...]:
        """What is decided so far."""
        return tuple(
            Found(network, method, outcome) for (network, method), outcome in self._found.items() if outcome is not None
        )

    @property
    def done(self) -> bool:
        """Whether nothing is open."""
        return None not in self._found.values()

    def end(self) -> None:
        """The time is over: what is open is silent."""
        for connect in self._connects:
            connect.end()
        self._nonces.clear()
        self._found = {place: outcome or Outcome.SILENT for place, outcome in self._found.items()}

    def _ask_udp(self, target: Target) -> None:
        if target.udp_port and self._means.keys.cluster:
            nonce = self._question(target.network, Method.UDP)
            question = encode_echo_request(EchoRequest(self.request.target, nonce), self._means.keys.cluster)
            self._means.ports[target.network].send(question, (target.address, target.udp_port))

    def _ask_icmp(self, target: Target) -> None:
        icmp = self._means.icmp.get(target.network)
        if icmp is not None:
            icmp.ask(target.address, self._question(target.network, Method.ICMP))

    def _question(self, network: int, method: Method) -> int:
        nonce = int.from_bytes(os.urandom(8), "big")
        self._nonces[nonce] = (network, method)
        self._found[network, method] = None
        return nonce

    def _connect(self, target: Target) -> None:
        if not target.tcp_ports:
            return
        place = (target.network, Method.TCP)
        self._found[place] = None
        connect = Connect(self._means.poller, lambda outcome: self._decide(place, outcome))
        self._connects.append(connect)
        connect.start(self._means.ports[target.network].address, target.address, target.tcp_ports)

    def _decide(self, place: tuple[int, Method], outcome: Outcome) -> None:
        self._found[place] = outcome
        if self._started and (_alive(outcome) or self.done):
            self._changed(self)


def _alive(outcome: Outcome) -> bool:
    return outcome in {Outcome.ACCEPTED, Outcome.ANSWERED}
