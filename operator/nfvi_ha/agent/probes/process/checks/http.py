"""HTTP: any answer is a sign of life, whatever its status.

virt-handler answers 500 when the API server is away; that is no fault of virt-handler. No HTTP library: all that
is read of the answer is its first word.
"""

import ssl
from typing import Final

from nfvi_ha.agent.probes.process.checks.connection import tcp
from nfvi_ha.agent.probes.process.checks.question import BROKEN, Question, Unanswered

_PROTOCOL: Final = b"HTTP/"


def http_question(address: str, *, tls: bool) -> Question:
    """GET ``host:port/path``. A certificate is not verified: nothing secret is sent, and nothing is believed."""
    place, _, path = address.partition("/")
    host, _, port = place.rpartition(":")
    context = _unverified() if tls else None
    request = f"GET /{path} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: nfvi-ha\r\nConnection: close\r\n\r\n".encode()

    async def ask(_pid: int) -> None:
        async with tcp(host, int(port), context) as (reader, writer):
            writer.write(request)
            if await reader.readexactly(len(_PROTOCOL)) != _PROTOCOL:
                raise Unanswered(BROKEN, f"{place} does not speak HTTP")

    return ask


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
