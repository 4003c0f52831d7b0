"""Messages between the two processes of an agent: one JSON object per packet of a local SOCK_SEQPACKET pair.

Probes to beat: ``{"faults": base64, "generation", "new", "spooled"}``, ``{"inventory": [base64 of each part]}``,
``{"sentinels": [[seat, network, address, port], ...]}``, ``{"keys": {id: hex}, "cluster": name}``,
``{"episode": n}``, ``{"goodbye": reason, "seconds": n}``, and ``{"alive": true}`` each second.
Beat to probes: ``{"answered": {"seat", "generation", "upto", "bitmap"}}``, ``{"episode": n}``, and each second
``{"status": {...}}``. Standard library only.
"""

import json
import socket
from typing import Any, Final

BEAT_FD_VARIABLE: Final = "NFVI_HA_BEAT_FD"
MAX_PACKET: Final = 250_000
"""An inventory of 1,400 VMs; within the send buffer that a kernel grants by default (2 x 208 kB)."""
BUFFER_BYTES: Final = 1 << 20


class TooLong(ValueError):  # noqa: N818
    """A message does not fit one packet."""


class Channel:
    """One end. Never blocks: a packet that finds no room is refused, and the caller decides what that means."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._end = end

    def fileno(self) -> int:
        """For poll."""
        return self._end.fileno()

    def send(self, message: dict[str, Any]) -> bool:
        """Send; False if the other side is gone or does not read.

        Raises:
            TooLong: the message does not fit a packet.
        """
        packet = json.dumps(message, separators=(",", ":")).encode()
        if len(packet) > MAX_PACKET:
            raise TooLong(f"{next(iter(message), '')}: {len(packet)} bytes, at most {MAX_PACKET}")
        try:
            self._end.send(packet)
        except OSError:
            return False
        return True

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when there is none.

        Raises:
            EOFError: the other side is gone.
            ValueError: it sent something else.
        """
        try:
            packet = self._end.recv(MAX_PACKET + 1)
        except BlockingIOError:
            return None
        except ConnectionError as error:
            raise EOFError from error
        if not packet:
            raise EOFError
        message = json.loads(packet)
        if not isinstance(message, dict):
            raise ValueError(f"a {type(message).__name__}, not an object")  # noqa: TRY004 - bad content
        return message

    def close(self) -> None:
        """Close this end."""
        self._end.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
