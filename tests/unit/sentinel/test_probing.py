"""Probes on real sockets of the loopback."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from nfvi_ha.core.verdict.inputs import Method, Outcome
from nfvi_ha.core.wire.echo import EchoReply, decode_echo_request
from nfvi_ha.core.wire.frame import FrameKind, cluster_id, peek
from nfvi_ha.core.wire.probe import Found, ProbeResult, decode_probe_request
from nfvi_ha.sentinel.icmp import Pinger, checksum, reply_number
from nfvi_ha.sentinel.open_ports import Candidate, OpenPorts
from nfvi_ha.sentinel.prober import ASK_AGAIN_SECONDS, Prober, Reach
from nfvi_ha.sentinel.tcp import try_connect

CLUSTER = cluster_id("site-1")
Report = tuple[str, int, Method, Outcome, str]


class Probes:
    """A prober whose datagrams and pings the test has in hand."""

    def __init__(self, **reach: Reach) -> None:
        self.reach = {int(name.removeprefix("n")): found for name, found in reach.items()}
        self.sent: list[tuple[int, bytes, Any]] = []
        self.pings: list[tuple[str, int]] = []
        self.reports: list[Report] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.ping_works = True
        self.prober = Prober(
            seat=1,
            send=lambda network, data, place: self.sent.append((network, data, place)),
            reach=lambda _: self.reach,
            place=lambda peer: (0, (f"{peer}.address", 7)) if peer != "unheard" else None,
            cluster=lambda: CLUSTER,
            pings=self,
            report=lambda *report: self.reports.append(report),
            spawn=self.spawn,
        )

    def ping(self, address: str, number: int) -> bool:
        self.pings.append((address, number))
        return self.ping_works

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    async def until(self, count: int) -> list[Report]:
        async with asyncio.timeout(10):
            while len(self.reports) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return self.reports


@pytest.fixture
async def port() -> Any:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def closed_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


async def test_one_open_port_is_enough_and_all_networks_are_tried_at_once(port: int) -> None:
    probes = Probes(n0=Reach("127.0.0.1", 0, (closed_port(), port)), n1=Reach("127.0.0.1", 0, (closed_port(),)))
    probes.ping_works = False
    probes.prober.probe("worker-1")
    await probes.until(2)
    assert set(probes.reports) == {
        ("worker-1", 0, Method.TCP, Outcome.ACCEPTED, ""),
        ("worker-1", 1, Method.TCP, Outcome.REFUSED, ""),
    }


async def test_what_does_not_answer_in_time_is_silent_and_what_cannot_be_asked_says_nothing() -> None:
    probes = Probes(n0=Reach("127.0.0.1", 7946, ()))
    probes.prober.probe("worker-1")
    probes.prober.probe("worker-1")
    assert len(probes.sent) == len(probes.pings) == 1, "a second probe waits for the end of the first"
    await probes.until(2)
    assert set(probes.reports) == {
        ("worker-1", 0, Method.ICMP, Outcome.SILENT, ""),
        ("worker-1", 0, Method.UDP, Outcome.SILENT, ""),
    }
    probes.ping_works, probes.reach = False, {0: Reach("127.0.0.1", 0, ())}
    async with asyncio.timeout(10):
        while len(probes.pings) < 3:
            probes.prober.probe("worker-1")
            await asyncio.sleep(0.01)
    assert len(probes.reports) == 2


async def test_replies_are_believed_only_by_their_number() -> None:
    probes = Probes(n0=Reach("127.0.0.1", 7946, ()))
    probes.prober.probe("worker-1")
    asked = decode_echo_request(probes.sent[0][1], CLUSTER)
    probes.prober.echoed(EchoReply("worker-1", asked.nonce ^ 1))
    probes.prober.echoed(EchoReply("worker-2", asked.nonce))
    probes.prober.pinged(probes.pings[0][1] ^ 1)
    assert probes.reports == []
    probes.prober.echoed(EchoReply("worker-1", asked.nonce))
    probes.prober.pinged(probes.pings[0][1])
    assert probes.reports == [
        ("worker-1", 0, Method.UDP, Outcome.ANSWERED, ""),
        ("worker-1", 0, Method.ICMP, Outcome.ANSWERED, ""),
    ]


async def test_a_peer_that_is_on_it_is_not_asked_again() -> None:
    probes = Probes(n0=Reach("127.0.0.1", 7946, (22,)))
    probes.prober.learn_key("peer-1", b"k" * 32, 5)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while (passed := loop.time() - began) < 1.0:
        probes.prober.ask("worker-1", ("peer-1",))
        await asyncio.sleep(0.01)
    asked = len(probes.sent)
    assert 2 <= asked <= 1 + passed / ASK_AGAIN_SECONDS
    probes.prober.ask("worker-2", ("peer-1",))
    assert len(probes.sent) == asked + 1, "of another node it is asked at once"


async def test_no_peer_is_asked_of_a_node_that_serves_us(port: int) -> None:
    probes = Probes(n0=Reach("127.0.0.1", 7946, (port,)))
    probes.prober.learn_key("peer-1", b"k" * 32, 5)
    probes.prober.probe("worker-1")
    async with asyncio.timeout(10):
        while not any(outcome is Outcome.ACCEPTED for *_, outcome, _ in probes.reports):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    before = len(probes.sent)
    probes.prober.ask("worker-1", ("peer-1",))
    assert len(probes.sent) == before
    async with asyncio.timeout(10):
        while len(probes.sent) == before:
            probes.prober.ask("worker-1", ("peer-1",))
            await asyncio.sleep(0.01)


async def test_peers_are_asked_with_their_own_key_and_only_the_one_asked_is_believed() -> None:
    probes = Probes(n0=Reach("127.0.0.1", 7946, (22,)))
    for peer in ("peer-1", "peer-2", "unheard"):
        probes.prober.learn_key(peer, peer.encode().ljust(32), 5)
    probes.prober.ask("worker-1", ("peer-1", "peer-2", "unheard", "keyless"))
    requests = [decode_probe_request(data, peek(data).node.encode().ljust(32), CLUSTER) for _, data, _ in probes.sent]
    assert [(request.node, request.seat, request.target) for request in requests] == [
        ("peer-1", 1, "worker-1"),
        ("peer-2", 1, "worker-1"),
    ]
    assert {peek(data).kind for _, data, _ in probes.sent} == {FrameKind.PROBE_REQUEST}
    found = (Found(0, Method.TCP, Outcome.ACCEPTED),)
    first = requests[0].request_id
    probes.prober.result(ProbeResult("peer-2", first, "worker-1", found))
    probes.prober.result(ProbeResult("peer-1", first, "worker-2", found))
    assert probes.reports == []
    for _ in range(2):
        probes.prober.result(ProbeResult("peer-1", first, "worker-1", found))
    assert probes.reports == [("worker-1", 0, Method.TCP, Outcome.ACCEPTED, "peer-1")]


async def test_a_port_is_known_while_it_accepts_and_forgotten_when_it_is_refused(port: int) -> None:
    candidates = {"worker-1": Candidate({0: "127.0.0.1"}, (port, closed_port()))}
    now = 0.0
    ports = OpenPorts(lambda: candidates, lambda: now)
    running = asyncio.create_task(ports.run())
    async with asyncio.timeout(10):
        while ports.of("worker-1", 0) != (port,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert ports.of("worker-1", 1) == ports.of("worker-2", 0) == ()
        candidates["worker-1"] = Candidate({0: "127.0.0.1"}, (port, *candidates["worker-1"].ports[1:]))
        closing = closed_port()
        candidates["worker-1"] = Candidate({0: "127.0.0.1"}, (closing,))
        now = 60.0
        while ports.of("worker-1", 0) != (port,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()


async def test_connects_are_told_apart() -> None:
    assert await try_connect("127.0.0.1", closed_port(), 1.0) is Outcome.REFUSED
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = int(full.getsockname()[1])
        waiting = [socket.create_connection(("127.0.0.1", port), 0.5)]
        assert await try_connect("127.0.0.1", port, 0.3) in {Outcome.SILENT, Outcome.ACCEPTED}
        for one in waiting:
            one.close()
    assert await try_connect("255.255.255.255", 9, 0.2) is not Outcome.ACCEPTED


async def test_a_ping_of_ourselves_comes_back_where_the_kernel_lets_us_ping() -> None:
    numbers: list[int] = []
    pinger = Pinger(numbers.append)
    if "AF_INET" in pinger.open():
        assert not pinger.ping("127.0.0.1", 7), "what cannot be sent says so"
        return
    try:
        assert pinger.ping("127.0.0.1", 0x0123_4567_89AB_CDEF)
        async with asyncio.timeout(10):
            while not numbers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        pinger.close()
    assert numbers == [0x0123_4567_89AB_CDEF]


def test_only_an_echo_reply_of_ours_has_a_number() -> None:
    payload = (42).to_bytes(8, "big")
    reply = bytes([0, 0, 0, 0, 0, 1, 0, 1]) + payload
    header = bytes([0x45]) + bytes(19)
    assert reply_number(socket.AF_INET, header + reply) == 42
    assert reply_number(socket.AF_INET, bytes([8]) + reply[1:]) is None
    assert reply_number(socket.AF_INET6, bytes([129]) + reply[1:]) == 42
    for broken in (b"", header, reply[:-1], reply + b"x"):
        assert reply_number(socket.AF_INET, broken) is None
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
