"""Network namespaces without files: each is an open descriptor, and goes when that and its last process go.

So nothing is left of a lab that was killed, which named namespaces (``ip netns add``) would be. Python has ``setns``
and ``unshare`` from 3.12 on; until then they are called in the C library.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CLONE_NEWNET: Final = 0x40000000
_OWN: Final = "/proc/thread-self/ns/net"


def create() -> int:
    """A new, empty network namespace, as a descriptor that keeps it alive.

    Raises:
        PermissionError: this process may not make one.
        OSError: the kernel cannot.
    """
    before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", before, CLONE_NEWNET)
    finally:
        os.close(before)


@contextmanager
def entered(namespace: int) -> Iterator[None]:
    """This thread is in the namespace meanwhile: sockets made here belong to it for good. Never await inside.

    Raises:
        OSError: it cannot be entered.
    """
    before = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            _call("setns", before, CLONE_NEWNET)
    finally:
        os.close(before)


def path(descriptor: int) -> Path:
    """Where other processes of this user find a namespace that this process holds."""
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def _call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
