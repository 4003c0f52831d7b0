"""One sentinel seat as an agent sees it: a socket that verifies what comes and answers when it is told to."""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nfvi_ha.core.wire.answer import Answer, encode_answer
from nfvi_ha.core.wire.beat import Beat, decode_beat
from nfvi_ha.core.wire.echo import decode_echo_reply
from nfvi_ha.core.wire.frame import FrameKind, cluster_id, peek
from nfvi_ha.core.wire.goodbye import decode_goodbye
from nfvi_ha.core.wire.inventory import decode_inventory
from nfvi_ha.core.wire.probe import decode_probe_result

CLUSTER = "edge-7"
NODE = "worker-1"
KEYS = {1: b"\x01" * 32, 2: b"\x02" * 32}
PATIENCE_SECONDS = 15.0

DECODE: dict[FrameKind, Callable[..., Any]] = {
    FrameKind.BEAT: decode_beat,
    FrameKind.GOODBYE: decode_goodbye,
    FrameKind.INVENTORY: decode_inventory,
    FrameKind.ECHO_REPLY: decode_echo_reply,
    FrameKind.PROBE_RESULT: decode_probe_result,
}


@dataclass
class Heard:
    at: float
    kind: FrameKind
    key_id: int
    frame: Any
    sender: tuple[str, int]
    size: int


@dataclass
class FakeSentinel:
    seat: int = 0
    accepts: tuple[int, ...] = (1, 2)
    """Key ids it knows."""
    nonce: int = field(default_factory=lambda: secrets.randbits(64))
    answers: bool = True
    permit: bool = False
    episode: int = 0
    recorded_upto: int = 0
    accepts_goodbye: bool = True
    unknown_keys: int = 0

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self.heard: list[Heard] = []

    def close(self) -> None:
        self.socket.close()

    def receive(self, seconds: float) -> Heard | None:
        """The next frame, verified; a beat is answered."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data, sender = self.socket.recvfrom(4096)
        except TimeoutError:
            return None
        header = peek(data)
        if header.key_id not in self.accepts:
            self.unknown_keys += 1
            return None
        assert header.node == NODE
        frame = DECODE[header.kind](data, KEYS[header.key_id], cluster_id(CLUSTER))
        heard = Heard(time.monotonic(), header.kind, header.key_id, frame, sender, len(data))
        self.heard.append(heard)
        if self.answers and header.kind in {FrameKind.BEAT, FrameKind.GOODBYE}:
            self.answer(heard)
        return heard

    def answer(self, heard: Heard, **changes: Any) -> bytes:
        """Answer a beat (or a goodbye, by its sequence). Returns the datagram."""
        fields = {
            "seat": self.seat,
            "nonce": self.nonce,
            "incarnation": heard.frame.incarnation,
            "sequence": heard.frame.sequence,
            "episode": self.episode,
            "permit": self.permit,
            "recorded_upto": self.recorded_upto,
            "recorded_bitmap": 0,
            "goodbye_accepted": heard.kind is FrameKind.GOODBYE and self.accepts_goodbye,
        }
        datagram = encode_answer(Answer(**(fields | changes)), KEYS[heard.key_id], heard.key_id, cluster_id(CLUSTER))
        self.send(datagram, heard.sender)
        return datagram

    def send(self, datagram: bytes, to: tuple[str, int]) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            self.socket.sendto(datagram, to)

    def wait_for(self, wanted: Callable[[Heard], bool], seconds: float = PATIENCE_SECONDS) -> Heard:
        """The first frame from now on that is wanted."""
        end = time.monotonic() + seconds
        seen = []
        while (left := end - time.monotonic()) > 0:
            heard = self.receive(left)
            if heard is not None:
                seen.append(heard)
                if wanted(heard):
                    return heard
        raise AssertionError(f"not heard within {seconds} s; but {[str(each.frame) for each in seen[-3:]]}")

    def beats(self, number: int) -> list[Heard]:
        """The next so many beats."""
        return [self.wait_for(lambda heard: heard.kind is FrameKind.BEAT) for _ in range(number)]

    def beat(self, wanted: Callable[[Beat], bool] = lambda _: True, seconds: float = PATIENCE_SECONDS) -> Beat:
        """The next beat that is wanted."""
        found = self.wait_for(lambda heard: heard.kind is FrameKind.BEAT and wanted(heard.frame), seconds)
        assert isinstance(found.frame, Beat)
        return found.frame
