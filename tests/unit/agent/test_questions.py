"""Echo and probe requests, and what should never be answered."""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nfvi_ha.agent.beat.intake import BUDGET_PER_PERIOD
from nfvi_ha.core.wire.echo import EchoReply, EchoRequest, decode_echo_request, encode_echo_reply, encode_echo_request
from nfvi_ha.core.wire.frame import BadFrame, FrameKind, cluster_id
from nfvi_ha.core.wire.probe import (
    Found,
    Method,
    Outcome,
    ProbeRequest,
    ProbeResult,
    Target,
    encode_probe_request,
)
from tests.unit.agent.conftest import StartAgent
from tests.unit.agent.fake_sentinel import CLUSTER, KEYS, NODE, FakeSentinel
from tests.unit.agent.running_agent import RunningAgent, free_port

ID = cluster_id(CLUSTER)


def ask(sentinel: FakeSentinel, agent: RunningAgent, *targets: Target, number: int = 77, key: int = 1) -> None:
    request = ProbeRequest(NODE, sentinel.seat, number, "worker-2", targets)
    sentinel.send(encode_probe_request(request, KEYS[key], key, ID), agent.port)


def final_result(sentinel: FakeSentinel, wanted: set[tuple[int, Method]]) -> dict[tuple[int, Method], Outcome]:
    """Of the result that has all of these."""

    def complete(frame: object) -> bool:
        return isinstance(frame, ProbeResult) and {(each.network, each.method) for each in frame.results} >= wanted

    results: tuple[Found, ...] = sentinel.wait_for(lambda heard: complete(heard.frame)).frame.results
    return {(each.network, each.method): each.outcome for each in results}


@contextmanager
def echoing(node: str) -> Iterator[int]:
    """A peer's beat process, as far as its echo goes."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            data, sender = end.recvfrom(2048)
            if not data:
                return
            request = decode_echo_request(data, ID)
            if request.node == node:
                end.sendto(encode_echo_reply(EchoReply(node, request.nonce), b"\x09" * 32, 9, ID), sender)

    thread = threading.Thread(target=answer)
    thread.start()
    port = end.getsockname()[1]
    yield port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"", ("127.0.0.1", port))
    thread.join()
    end.close()


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_echo_is_signed_and_never_longer_than_its_question(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    question = encode_echo_request(EchoRequest(NODE, 4711), ID)
    sentinel.send(question, agent.port)
    heard = sentinel.wait_for(lambda heard: heard.kind is FrameKind.ECHO_REPLY)
    assert heard.frame == EchoReply(NODE, 4711)
    assert heard.size <= len(question)


def test_peer_that_lives_is_found_by_echo_and_by_its_open_port(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    with echoing("worker-2") as udp, listening() as tcp:
        asked = time.monotonic()
        ask(sentinel, agent, Target(0, "127.0.0.1", udp, (free_port(), tcp)))
        found = final_result(sentinel, {(0, Method.UDP), (0, Method.TCP)})
    assert time.monotonic() - asked < 2
    assert found[0, Method.UDP] is Outcome.ANSWERED
    assert found[0, Method.TCP] is Outcome.ACCEPTED


@pytest.mark.skipif(os.geteuid() != 0, reason="ICMP needs CAP_NET_RAW or a ping_group_range")
def test_kernel_that_answers_is_found_by_icmp(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    ask(sentinel, agent, Target(0, "127.0.0.1", 0))
    assert final_result(sentinel, {(0, Method.ICMP)}) == {(0, Method.ICMP): Outcome.ANSWERED}


def test_dead_agent_on_a_live_kernel_is_refused_and_silent(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    ask(sentinel, agent, Target(0, "127.0.0.1", free_port(), (1,)))
    found = final_result(sentinel, {(0, Method.UDP), (0, Method.TCP)})
    assert found[0, Method.UDP] is Outcome.SILENT
    assert found[0, Method.TCP] is Outcome.REFUSED


def test_silence_is_reported_in_time(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        asked = time.monotonic()
        ask(sentinel, agent, Target(0, "127.0.0.1", silent.getsockname()[1]))
        found = final_result(sentinel, {(0, Method.UDP)})
    assert found[0, Method.UDP] is Outcome.SILENT
    assert 0.15 < time.monotonic() - asked < 2


def test_networks_that_we_do_not_have_are_left_out(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    ask(sentinel, agent, Target(5, "127.0.0.1", 9, (9,)))
    assert sentinel.wait_for(lambda heard: heard.kind is FrameKind.PROBE_RESULT).frame.results == ()


def test_a_request_is_carried_out_once(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    for _ in range(3):
        ask(sentinel, agent, Target(0, "127.0.0.1", 0, (1,)))
        sentinel.wait_for(lambda heard: heard.kind is not FrameKind.PROBE_RESULT)
    status = agent.status(lambda status: status["taken"].get("PROBE_REQUEST") == 3)
    assert status["probing"]["Made"] == 1


def test_trials_under_way_are_bounded(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        for number in range(100):
            ask(sentinel, agent, Target(0, "127.0.0.1", silent.getsockname()[1]), number=number)
        status = agent.status(lambda status: sum(status["probing"].values()) == 100)
    assert status["probing"]["TooMany"] > 0


def test_request_with_another_key_is_refused(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    ask(sentinel, agent, Target(0, "127.0.0.1", 0, (1,)), key=2)
    request = ProbeRequest(NODE, 0, 1, "worker-2", ())
    sentinel.send(encode_probe_request(request, KEYS[2], 1, ID), agent.port)  # says key 1, is made with key 2
    status = agent.status(lambda status: sum(status["dropped"].values()) == 2)
    assert status["dropped"] == {"UnknownKey": 1, "Tag": 1}
    assert status["probing"] == {}


def test_garbage_is_counted_and_harmless(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    heard = sentinel.beats(1)[0]
    answer = sentinel.answer(heard)
    chance = random.Random(1)
    sent = 0
    while sent < 3 * BUDGET_PER_PERIOD:
        mutant = bytearray(answer if sent % 2 else chance.randbytes(chance.randrange(1500)))
        if mutant:
            mutant[chance.randrange(len(mutant))] ^= 1 << chance.randrange(8)
        sentinel.send(bytes(mutant), agent.port)
        sent += 1
        if sent % 200 == 0:
            sentinel.beat()
    status = agent.status(lambda status: sum(status["dropped"].values()) > 2 * BUDGET_PER_PERIOD)
    assert status["errors"].get("AnswerReplayed", 0) <= 1, "a mutant was taken for authentic"
    sentinel.beats(3)
    assert agent.process.poll() is None


def test_flood_does_not_stop_the_beats(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent()
    sentinel.beat()
    over = threading.Event()

    def flood() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            while not over.is_set():
                for _ in range(50):
                    end.sendto(b"NH" + bytes(60), agent.port)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        status = agent.status(lambda status: status["errors"].get("Flood", 0) >= 3)
        before = sentinel.beats(1)[0]
        after = sentinel.beats(10)[-1]
    finally:
        over.set()
        thread.join()
    assert after.at - before.at < 8
    assert sum(status["dropped"].values()) < 100 * BUDGET_PER_PERIOD
    assert _answers_again(agent.port, sentinel)


def _answers_again(port: tuple[str, int], sentinel: FakeSentinel) -> bool:
    """Asked as probes ask: again, for what is left of the flood takes the place of one question."""
    question = encode_echo_request(EchoRequest(NODE, 1), ID)
    for _ in range(40):
        sentinel.send(question, port)
        with contextlib.suppress(AssertionError):
            sentinel.wait_for(lambda heard: heard.kind is FrameKind.ECHO_REPLY, 0.5)
            return True
    return False


def test_an_echo_reply_is_no_request() -> None:
    with pytest.raises(BadFrame):
        decode_echo_request(encode_echo_reply(EchoReply(NODE, 1), KEYS[1], 1, ID), ID)
