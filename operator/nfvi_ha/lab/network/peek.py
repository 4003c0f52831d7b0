"""Reads what a host's process serves over HTTP on an address that only hosts can reach."""

import asyncio
import os
import re

from nfvi_ha.lab.network import namespace
from nfvi_ha.lab.network.client import Network
from nfvi_ha.lab.network.relay import Address, plain_socket

TIMEOUT_SECONDS = 5.0
_SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(\{(?P<labels>[^}]*)\})? (?P<value>\S+)$", re.MULTILINE)


async def fetch(network: Network, host: str, address: Address, path: str) -> str:
    """The body of an answer to GET, whatever its status.

    Raises:
        OSError: nobody answers there.
        TimeoutError: not within five seconds.
    """
    where = network.namespaces.get(host)
    if where is None:
        connection = plain_socket()
    else:
        descriptor = os.open(where, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with namespace.entered(descriptor):
                connection = plain_socket()
        finally:
            os.close(descriptor)
    connection.setblocking(False)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        try:
            await asyncio.get_running_loop().sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = (await reader.read()).decode()
        finally:
            writer.close()
    return answer.partition("\r\n\r\n")[2]


def samples(text: str, name: str) -> dict[str, float]:
    """Values of a metric by its labels as they are written, "" for none."""
    return {match["labels"] or "": float(match["value"]) for match in _SAMPLE.finditer(text) if match["name"] == name}
