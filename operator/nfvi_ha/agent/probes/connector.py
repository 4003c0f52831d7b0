"""The kernel's proc connector: every exec, core dump and end of a process, as it happens (linux/cn_proc.h).

Optional: it needs CAP_NET_ADMIN and the first network and pid namespaces. It finds a new VM at once instead of with the
next search, and knows exit codes where /proc does not show them. pyroute2 reads it too, but decodes every event of the
host in Python; here the kernel drops all but those three by a filter, so a host that forks a thousand times a second
costs nothing.
"""

import ctypes
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

_NETLINK_CONNECTOR: Final = 11
_CN_IDX_PROC: Final = 1
_CN_VAL_PROC: Final = 1
_MCAST_LISTEN: Final = 1
_NLMSG_DONE: Final = 3
_SO_ATTACH_FILTER: Final = 26
_EXEC: Final = 0x2
_COREDUMP: Final = 0x4000_0000
_EXIT: Final = 0x8000_0000
_WHAT_AT: Final = 36
"""Behind nlmsghdr (16 bytes) and cn_msg (20)."""
_PID_AT: Final = 52
_TGID_AT: Final = 56
_EVENT: Final = struct.Struct("=IIQIII")
"""what, cpu, timestamp, pid, thread group, exit code (of an exit)."""
_RECEIVE_BYTES: Final = 1 << 20
_LOAD, _EQUAL, _EQUAL_X, _RETURN, _TO_X = 0x20, 0x15, 0x1D, 0x06, 0x07
_KEEP: Final = 0xFFFF


class ProcConnector:
    """Calls ``on_exec`` with a pid, ``on_exit`` with a pid and wait status, and ``on_loss`` after an overflow."""

    def __init__(
        self, on_exec: Callable[[int], None], on_exit: Callable[[int, int], None], on_loss: Callable[[], None]
    ) -> None:
        self._on_exec = on_exec
        self._on_exit = on_exit
        self._on_loss = on_loss
        self._socket: socket.socket | None = None

    def open(self) -> int:
        """Listen; returns the descriptor to wait on.

        Raises:
            OSError: it is not permitted, or the kernel has none.
        """
        self._socket = listening = socket.socket(
            socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR
        )
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
            _attach(listening)
            listening.bind((0, _CN_IDX_PROC))
            wish = struct.pack("=IIIIHHI", _CN_IDX_PROC, _CN_VAL_PROC, 0, 0, 4, 0, _MCAST_LISTEN)
            header = struct.pack("=IHHII", 16 + len(wish), _NLMSG_DONE, 0, 0, os.getpid())
            listening.send(header + wish)
        except BaseException:
            self.close()
            raise
        return listening.fileno()

    @property
    def descriptor(self) -> int | None:
        """What to wait on; None while it is closed."""
        return self._socket.fileno() if self._socket is not None else None

    def read(self) -> None:
        """Hand on all that is there.

        Raises:
            OSError: the socket is broken.
        """
        while self._socket is not None:
            try:
                self._take(self._socket.recv(4096))
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._on_loss()

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _take(self, message: bytes) -> None:
        if len(message) < _WHAT_AT + _EVENT.size:
            return
        what, _cpu, _time, pid, group, code = _EVENT.unpack_from(message, _WHAT_AT)
        if what == _EXEC:
            self._on_exec(group)
        elif what == _EXIT and pid == group:
            self._on_exit(pid, code)


def _attach(listening: socket.socket) -> None:
    """Have the kernel drop all but exec, core dump, and the end of a process (not of each of its threads)."""
    rows = (
        (_LOAD, 0, 0, _WHAT_AT),
        (_EQUAL, 6, 0, _as_loaded(_EXEC)),
        (_EQUAL, 5, 0, _as_loaded(_COREDUMP)),
        (_EQUAL, 0, 5, _as_loaded(_EXIT)),
        (_LOAD, 0, 0, _PID_AT),
        (_TO_X, 0, 0, 0),
        (_LOAD, 0, 0, _TGID_AT),
        (_EQUAL_X, 0, 1, 0),
        (_RETURN, 0, 0, _KEEP),
        (_RETURN, 0, 0, 0),
    )
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
    described = struct.pack("@HP", len(rows), ctypes.addressof(program))
    listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def _as_loaded(number: int) -> int:
    """A number of the host's byte order as the filter loads it, which is as of the network's."""
    return int.from_bytes(number.to_bytes(4, sys.byteorder), "big")
