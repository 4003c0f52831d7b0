"""UDP echo to the targets of storage paths: questions that agents and plain echo servers both send back."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.wire.echo import EchoRequest, decode_echo_reply, decode_echo_request, encode_echo_request
from nfvi_ha.core.wire.frame import CLUSTER_BYTES, BadFrame, FrameKind, peek

IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
NOBODY: Final = "echo"
"""Who is asked where no node is named: a plain echo server does not read it."""
_DATAGRAM_BYTES: Final = 2048
_KEPT_SECONDS: Final = 10.0
"""So late an answer is still known for one of ours."""
_ERROR: Final = struct.Struct("=I")
"""First field of the kernel's ``sock_extended_err``: errno."""


@dataclass(frozen=True, slots=True)
class EchoTarget:
    """Whom to ask."""

    name: str
    """As in reports: "10.1.0.9:7946"."""
    address: str
    port: int
    node: str = ""
    """The node whose agent answers there; "" for a plain echo server."""


@dataclass(frozen=True, slots=True)
class Question:
    """One that was asked."""

    key: tuple[str, str]
    """Path and target."""
    sent_at: float


class EchoSocket:
    """One socket for all targets of a family.

    It is not connected: so the kernel chooses the source address anew with each question, as routes change, and
    answers come back that way.

    Args:
        answered: told of a question whose answer came.
        refused: told of a question whose target's kernel said that nobody listens.
    """

    def __init__(
        self,
        family: socket.AddressFamily,
        answered: Callable[[Question, float], None],
        refused: Callable[[Question, float], None],
    ) -> None:
        self._answered = answered
        self._refused = refused
        self._questions: dict[int, Question] = {}
        self.dropped = 0
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            self._socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)

    def listen(self) -> None:
        """Take answers as they come, in this event loop."""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self.drain)

    def ask(self, target: EchoTarget, key: tuple[str, str], cluster: bytes, now: float) -> bool:
        """Send a question; False if the kernel did not take it, which is as good as no answer."""
        nonce = int.from_bytes(os.urandom(8), "big")
        # A peer's agent takes questions of its own cluster only, a plain server takes any.
        frame = encode_echo_request(EchoRequest(target.node or NOBODY, nonce), cluster or bytes(CLUSTER_BYTES))
        self._questions[nonce] = Question(key, now)
        self._forget(now)
        try:
            self._socket.sendto(frame, (target.address, target.port))
        except OSError:
            # Mostly the error of a former question, which the queue tells in full.
            self._drain_errors(now)
            return self._again(frame, target)
        return True

    def drain(self) -> None:
        """Take all that has come in."""
        now = time.monotonic()
        while True:
            try:
                datagram = self._socket.recv(_DATAGRAM_BYTES)
            except BlockingIOError:
                break
            except OSError:
                # The kernel has an error for us, and tells it in full in the queue.
                self._drain_errors(now)
                break
            question = self._question(datagram)
            if question is not None:
                self._answered(question, now)

    def close(self) -> None:
        """No more."""
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _again(self, frame: bytes, target: EchoTarget) -> bool:
        try:
            self._socket.sendto(frame, (target.address, target.port))
        except OSError:
            return False
        return True

    def _drain_errors(self, now: float) -> None:
        """What ICMP said of former questions: with each comes the question itself."""
        while True:
            try:
                datagram, ancillary, _, _ = self._socket.recvmsg(_DATAGRAM_BYTES, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            codes = [_ERROR.unpack_from(data)[0] for _, kind, data in ancillary if kind in {IP_RECVERR, IPV6_RECVERR}]
            if errno.ECONNREFUSED in codes and (question := self._question(datagram)) is not None:
                self._refused(question, now)

    def _question(self, datagram: bytes) -> Question | None:
        """The one that a datagram belongs to, each once."""
        try:
            nonce = _nonce(datagram)
        except BadFrame:
            self.dropped += 1
            return None
        question = self._questions.pop(nonce, None)
        if question is None:
            self.dropped += 1
        return question

    def _forget(self, now: float) -> None:
        while self._questions:
            oldest = next(iter(self._questions))
            if now - self._questions[oldest].sent_at < _KEPT_SECONDS:
                return
            del self._questions[oldest]


def _nonce(datagram: bytes) -> int:
    """Of an agent's reply, or of our own question sent back. Only the nonce speaks for it.

    Raises:
        BadFrame: it is neither.
    """
    if peek(datagram).kind is FrameKind.ECHO_REPLY:
        return decode_echo_reply(datagram, None).nonce
    return decode_echo_request(datagram).nonce
