"""A sentinel in the test's hands, as the other seats see it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence
from typing import Self

from nfvi_ha.core.wire.frame import BadFrame, cluster_id
from nfvi_ha.core.wire.keys import VOTE_KEY_ID
from nfvi_ha.core.wire.votes import SeatBeat, decode_seat_beat, encode_seat_beat

from .site import CLUSTER, SEAT_ADDRESSES, VOTE_KEY, SeatProcess


class PlayedSeat:
    """A seat that beats to the others, says nothing else, and goes on when it hears nothing any more."""

    def __init__(self, number: int, ports: Sequence[int]) -> None:
        self._number = number
        self._others = {other: port for other, port in enumerate(ports) if other != number}
        self._nonces = [0, 0, 0]
        self._nonces[number] = 4711
        self._incarnation = time.time_ns()
        self._sequence = 0
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._in = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._in.setblocking(False)
        self._in.bind((SEAT_ADDRESSES[0], ports[number]))
        asyncio.get_running_loop().add_reader(self._in, self._read)
        self._task = asyncio.create_task(self._run())

    def heard_by(self, seat: SeatProcess) -> bool:
        """Whether we are among those that it hears, since we play."""
        heard = [line for line in seat.log().splitlines() if " sentinels heard=" in line]
        return bool(heard) and all(self._nonces) and str(self._number) in heard[-1].rpartition("=")[2]

    def stop_listening(self) -> None:
        if self._in.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._in)
            self._in.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self.stop_listening()
        self._out.close()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, BadFrame):
            while True:
                beat = decode_seat_beat(self._in.recv(2048), VOTE_KEY)
                self._nonces[beat.seat] = beat.nonce

    async def _run(self) -> None:
        while True:
            self._sequence += 1
            nonces = (self._nonces[0], self._nonces[1], self._nonces[2])
            own = nonces[self._number]
            beat = SeatBeat(self._number, self._incarnation, self._sequence, own, 4, 4, 0, nonces=nonces)
            data = encode_seat_beat(beat, VOTE_KEY, VOTE_KEY_ID, cluster_id(CLUSTER))
            for port in self._others.values():
                self._out.sendto(data, (SEAT_ADDRESSES[0], port))
            await asyncio.sleep(0.1)
