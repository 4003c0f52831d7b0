"""Open vSwitch: JSON-RPC over a Unix socket (RFC 7047; ovs: lib/unixctl.c)."""

import asyncio
import json
from typing import Final

from nfvi_ha.agent.probes.process.checks.connection import unix
from nfvi_ha.agent.probes.process.checks.question import BROKEN, Question, Unanswered

_LONGEST: Final = 1 << 16


def ovs_question(path: str) -> Question:
    """``version`` to a control socket (``*.ctl``), ``echo`` to a database."""
    method = "version" if path.endswith(".ctl") else "echo"
    request = json.dumps({"method": method, "params": [], "id": 0}).encode()

    async def ask(pid: int) -> None:
        async with unix(path.replace("{pid}", str(pid))) as (reader, writer):
            writer.write(request)
            await _object(reader)

    return ask


async def _object(reader: asyncio.StreamReader) -> None:
    """One whole JSON object; there is nothing between or after them on the wire."""
    read = b""
    while len(read) <= _LONGEST:
        more = await reader.read(4096)
        if not more:
            break
        read += more
        try:
            answer = json.loads(read)
        except ValueError:
            continue  # not whole yet
        if isinstance(answer, dict):
            return
        break
    raise Unanswered(BROKEN, "does not speak JSON-RPC")
