"""libvirt's RPC (libvirt: src/remote/remote_protocol.x, src/rpc/virnetprotocol.x): three calls, read-only.

libvirt-python would need a thread per daemon and knows time-outs of whole seconds only. Any reply is a sign of life, an
error too: AUTH_LIST and CONNECT_OPEN are answered by the main loop, CONNECT_GET_VERSION by a worker.
"""

import asyncio
import struct
from typing import Final

from nfvi_ha.agent.probes.process.checks.connection import unix
from nfvi_ha.agent.probes.process.checks.question import BROKEN, Question, Unanswered

_PROGRAM: Final = 0x20008086
_HEADER: Final = struct.Struct(">IIIIIII")
"""Length of all, program, version, procedure, type, serial, status."""
_AUTH_LIST: Final = 66
_CONNECT_OPEN: Final = 1
_GET_VERSION: Final = 4
_REPLY: Final = 1
_READ_ONLY: Final = 1
_NO_NAME: Final = struct.pack(">II", 0, _READ_ONLY)
"""An absent string, and flags."""
_CALLS: Final = ((_AUTH_LIST, b""), (_CONNECT_OPEN, _NO_NAME), (_GET_VERSION, b""))
_LONGEST: Final = 32 << 20


def libvirt_question(path: str) -> Question:
    """To libvirtd or virtqemud."""

    async def ask(pid: int) -> None:
        async with unix(path.replace("{pid}", str(pid))) as (reader, writer):
            for serial, (procedure, body) in enumerate(_CALLS):
                writer.write(_HEADER.pack(_HEADER.size + len(body), _PROGRAM, 1, procedure, 0, serial, 0) + body)
                await _reply(reader, serial)

    return ask


async def _reply(reader: asyncio.StreamReader, serial: int) -> None:
    while True:
        length, program, _version, _procedure, kind, answered, _status = _HEADER.unpack(
            await reader.readexactly(_HEADER.size)
        )
        if program != _PROGRAM or not _HEADER.size <= length <= _LONGEST:
            raise Unanswered(BROKEN, "does not speak libvirt's protocol")
        await reader.readexactly(length - _HEADER.size)
        if kind == _REPLY and answered == serial:
            return
