"""Questions over real sockets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from nfvi_ha.agent.probes.link.echo import EchoSocket, EchoTarget, Question
from nfvi_ha.core.wire.echo import EchoReply, decode_echo_request, encode_echo_reply
from nfvi_ha.core.wire.frame import cluster_id
from tests.unit.agent.waiting import eventually

CLUSTER = cluster_id("edge-7")
KEY = b"k" * 32
ASKED = ("ceph", "target")


@dataclass
class Asker:
    answered: list[Question] = field(default_factory=list)
    refused: list[Question] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = EchoSocket(
            socket.AF_INET,
            lambda question, _: self.answered.append(question),
            lambda question, _: self.refused.append(question),
        )
        self.socket.listen()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    made = Asker()
    yield made
    made.socket.close()


class Server(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data)
        assert len(answer) == len(data)
        self.transport.sendto(answer, addr)  # type: ignore[attr-defined]


async def serve(answer: Callable[[bytes], bytes]) -> tuple[asyncio.BaseTransport, EchoTarget]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Server(answer), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    return transport, EchoTarget(f"127.0.0.1:{port}", "127.0.0.1", port, "worker-2")


def agent(data: bytes) -> bytes:
    request = decode_echo_request(data, CLUSTER)
    assert request.node == "worker-2"
    return encode_echo_reply(EchoReply("worker-2", request.nonce), KEY, 1, CLUSTER)


@pytest.mark.parametrize("answer", [agent, lambda data: data], ids=["agent", "plain echo server"])
async def test_agents_and_plain_servers_answer(asker: Asker, answer: Callable[[bytes], bytes]) -> None:
    server, target = await serve(answer)
    now = time.monotonic()
    assert asker.socket.ask(target, ASKED, CLUSTER, now)
    await eventually(lambda: asker.answered)
    assert asker.answered == [Question(ASKED, now)]
    server.close()


async def test_plain_server_is_asked_before_the_cluster_is_known(asker: Asker) -> None:
    server, target = await serve(lambda data: data)
    asker.socket.ask(EchoTarget(target.name, target.address, target.port), ASKED, b"", time.monotonic())
    await eventually(lambda: asker.answered)
    server.close()


async def test_answer_counts_once_and_anything_else_not_at_all(asker: Asker) -> None:
    seen: list[bytes] = []

    def keep(data: bytes) -> bytes:
        seen.append(data)
        return data

    server, target = await serve(keep)
    asker.socket.ask(target, ASKED, CLUSTER, time.monotonic())
    await eventually(lambda: asker.answered)
    own = asker.socket._socket.getsockname()[1]
    for datagram in (seen[0], b"NH", b"x" * 64, encode_echo_reply(EchoReply("worker-2", 7), KEY, 1, CLUSTER)):
        server.sendto(datagram, ("127.0.0.1", own))  # type: ignore[attr-defined]
    await eventually(lambda: asker.socket.dropped >= 4)
    assert len(asker.answered) == 1
    server.close()


async def test_host_without_echo_server_refuses(asker: Asker) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    target = EchoTarget("x", "127.0.0.1", port)
    now = time.monotonic()
    asker.socket.ask(target, ASKED, CLUSTER, now)
    await eventually(lambda: asker.refused)
    assert asker.refused == [Question(ASKED, now)]
    server, other = await serve(lambda data: data)
    assert asker.socket.ask(other, ASKED, CLUSTER, time.monotonic())
    await eventually(lambda: asker.answered)
    server.close()
