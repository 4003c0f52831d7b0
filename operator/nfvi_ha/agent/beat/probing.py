"""Probe requests of sentinels: a bounded number of trials under way, and their results on the way back."""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from nfvi_ha.agent.beat.icmp import open_icmp
from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.poller import READ, Poller
from nfvi_ha.agent.beat.port import Address, Port
from nfvi_ha.agent.beat.trial import Means, Trial
from nfvi_ha.core.wire.probe import ProbeRequest, ProbeResult

MAX_TRIALS: Final = 32
REQUESTS_REMEMBERED: Final = 256

SendResult = Callable[[ProbeResult, int, Address], None]
"""Result, number of the network, sentinel's address there."""


class Probing:
    """All trials under way. The same request over two networks is one trial, answered over both."""

    def __init__(
        self, node: str, ports: tuple[Port, ...], poller: Poller, keys: Keyring, send_result: SendResult
    ) -> None:
        self._node = node
        self._means = Means(ports, {}, poller, keys)
        self._send_result = send_result
        self._trials: dict[int, Trial] = {}
        self._askers: dict[int, list[tuple[int, Address]]] = {}
        self._seen: deque[int] = deque(maxlen=REQUESTS_REMEMBERED)
        self.counts: Counter[str] = Counter()

    def network_up(self, port: Port) -> None:
        """The port of a network is bound: ICMP goes out of it, too, where that is permitted."""
        icmp = open_icmp(port.address)
        if icmp is not None:
            self._means.icmp[port.number] = icmp
            self._means.poller.watch(icmp.socket.fileno(), READ, lambda: self._icmp_replies(port.number))

    def network_down(self, port: Port) -> None:
        """The port of a network is about to be closed."""
        icmp = self._means.icmp.pop(port.number, None)
        if icmp is not None:
            self._means.poller.forget(icmp.socket.fileno())
            icmp.socket.close()

    def request(self, request: ProbeRequest, network: int, asker: Address, now: float) -> None:
        """An authentic request came over a network."""
        number = request.request_id
        if number in self._trials:
            self._askers[number].append((network, asker))
        elif number in self._seen:
            self.counts["Repeated"] += 1
        elif len(self._trials) >= MAX_TRIALS:
            self.counts["TooMany"] += 1
        else:
            self.counts["Made"] += 1
            self._seen.append(number)
            self._askers[number] = [(network, asker)]
            self._trials[number] = trial = Trial(request, self._means, now, self._changed)
            trial.start()

    def replied(self, nonce: int) -> None:
        """An echo came back, by whichever way."""
        for trial in list(self._trials.values()):
            trial.replied(nonce)

    def next_at(self) -> float | None:
        """When ``expire`` has something to do."""
        return min((trial.deadline for trial in self._trials.values()), default=None)

    def expire(self, now: float) -> None:
        """End the trials whose time is over."""
        for trial in [trial for trial in self._trials.values() if trial.deadline <= now]:
            trial.end()
            self._changed(trial)

    def close(self) -> None:
        """Close all sockets."""
        for trial in self._trials.values():
            trial.end()
        for port in self._means.ports:
            self.network_down(port)

    def _icmp_replies(self, network: int) -> None:
        for nonce in self._means.icmp[network].replies():
            self.replied(nonce)

    def _changed(self, trial: Trial) -> None:
        request = trial.request
        result = ProbeResult(self._node, request.request_id, request.target, trial.results())
        for network, asker in self._askers[request.request_id]:
            self._send_result(result, network, asker)
        if trial.done:
            trial.end()
            del self._trials[request.request_id], self._askers[request.request_id]
