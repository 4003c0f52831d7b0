"""Datagrams that come in: verified, judged, acted on. What is not authentic changes nothing and is counted."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.port import Address, Port
from nfvi_ha.agent.beat.probing import Probing
from nfvi_ha.core.wire.answer import Answer, decode_answer
from nfvi_ha.core.wire.echo import EchoReply, decode_echo_reply, decode_echo_request, encode_echo_reply
from nfvi_ha.core.wire.frame import BadFrame, FrameKind, Reason, peek
from nfvi_ha.core.wire.probe import decode_probe_request

BUDGET_PER_PERIOD: Final = 500
"""Datagrams looked at in one period over all networks. Under a flood the kernel drops the rest: the beat goes first."""


class Intake:
    """Drains the ports, within the budget."""

    def __init__(self, node: str, keys: Keyring, probing: Probing, answered: Callable[[Answer, float], None]) -> None:
        self._node = node
        self._keys = keys
        self._probing = probing
        self._answered = answered
        self.budget = BUDGET_PER_PERIOD
        self.dropped: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()

    def drain(self, port: Port) -> None:
        """Take what has come in, as far as the budget goes."""
        while self.budget > 0:
            received = port.receive()
            if received is None:
                return
            self.budget -= 1
            datagram, sender = received
            try:
                kind = self._take(datagram, sender, port)
            except BadFrame as error:
                self.dropped[error.reason.value] += 1
            else:
                self.taken[kind.name] += 1

    def _take(self, datagram: bytes, sender: Address, port: Port) -> FrameKind:
        header = peek(datagram)
        if header.cluster != self._keys.cluster:
            raise BadFrame(Reason.CLUSTER)
        match header.kind:
            case FrameKind.ANSWER:
                key = self._key(header.key_id)
                self._answered(decode_answer(datagram, key, self._keys.cluster), time.monotonic())
            case FrameKind.ECHO_REQUEST:
                self._echo(datagram, sender, port)
            case FrameKind.ECHO_REPLY:
                self._probing.replied(decode_echo_reply(datagram, None, self._keys.cluster).nonce)
            case FrameKind.PROBE_REQUEST:
                request = decode_probe_request(datagram, self._key(header.key_id), self._keys.cluster)
                if request.node != self._node:
                    raise BadFrame(Reason.BODY, f"a request to {request.node}")
                self._probing.request(request, port.number, sender, time.monotonic())
            case other:
                raise BadFrame(Reason.KIND, other.name)
        return header.kind

    def _echo(self, datagram: bytes, sender: Address, port: Port) -> None:
        request = decode_echo_request(datagram, self._keys.cluster)
        key = self._keys.secret(self._keys.current)
        if request.node != self._node or key is None:
            raise BadFrame(Reason.BODY, f"an echo for {request.node}")
        reply = encode_echo_reply(EchoReply(self._node, request.nonce), key, self._keys.current, self._keys.cluster)
        if len(reply) <= len(datagram):
            port.send(reply, sender)

    def _key(self, key_id: int) -> bytes:
        key = self._keys.secret(key_id)
        if key is None:
            raise BadFrame(Reason.UNKNOWN_KEY, str(key_id))
        return key
