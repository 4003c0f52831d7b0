"""One TCP connect, told in the words of a probe."""

import asyncio
import errno
import socket
from ipaddress import ip_address
from typing import Final

from nfvi_ha.core.wire.probe import Outcome

_OURS: Final = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
"""Errors that say something of this host and nothing of the other."""


async def try_connect(address: str, port: int, timeout_seconds: float) -> Outcome | None:
    """Connect and hang up at once. None where it could not even be tried.

    REFUSED proves that a kernel answered. That no route leads there (EHOSTUNREACH: nobody answered ARP) is silence.
    """
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    try:
        opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError:
        return None
    with opened:
        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.get_running_loop().sock_connect(opened, (address, port))
        except TimeoutError:
            return Outcome.SILENT
        except ConnectionRefusedError:
            return Outcome.REFUSED
        except OSError as error:
            return None if error.errno in _OURS else Outcome.SILENT
        return Outcome.ACCEPTED
