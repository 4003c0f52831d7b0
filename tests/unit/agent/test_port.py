import ipaddress
import socket
from collections.abc import Iterator

import pytest

from nfvi_ha.agent.beat import port as module
from nfvi_ha.agent.beat.port import Port, resolve
from nfvi_ha.agent.config import Network


@pytest.fixture
def bound() -> Iterator[Port]:
    port = Port(0, Network("management", "127.0.0.0/8", 0))
    assert port.open(now=0.0)
    yield port
    port.close()


def test_cidr_stands_for_our_address_in_it() -> None:
    assert ipaddress.ip_address(resolve("127.0.0.0/8")).is_loopback
    assert resolve("10.9.8.7") == "10.9.8.7"


def test_cidr_without_an_address_of_ours_is_tried_again_later() -> None:
    port = Port(0, Network("storage", "198.51.100.0/24", 0))
    assert not port.open(now=10.0)
    assert port.socket is None
    assert port.try_at > 10.0
    assert port.errors.total() == 1


def test_taken_port_is_tried_again_later(bound: Port) -> None:
    assert bound.socket is not None
    second = Port(1, Network("management", "127.0.0.1", bound.socket.getsockname()[1]))
    assert not second.open(now=0.0)
    assert second.errors == {"EADDRINUSE": 1}
    bound.close()
    assert second.open(now=1.0)
    second.close()


def test_address_that_changed_is_noticed_and_one_that_is_gone_is_kept(
    bound: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not bound.moved()
    monkeypatch.setattr(module, "resolve", lambda _: "127.0.0.9")
    assert bound.moved()

    def gone(_: str) -> str:
        raise OSError

    monkeypatch.setattr(module, "resolve", gone)
    assert not bound.moved()


def test_errors_of_sending_are_counted_by_name(bound: Port) -> None:
    assert not bound.send(b"x", ("255.255.255.255", 9))
    assert not Port(1, Network("storage", "10.0.0.1", 9)).send(b"x", ("127.0.0.1", 9))
    assert bound.errors == {"EACCES": 1}


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6_goes_both_ways() -> None:
    one, two = (Port(number, Network("management", "::1", 0)) for number in (0, 1))
    if not (one.open(0.0) and two.open(0.0)):
        pytest.skip("no IPv6 loopback")
    assert two.socket is not None
    assert one.send(b"x", ("::1", two.socket.getsockname()[1]))
    two.socket.setblocking(True)
    two.socket.settimeout(5)
    received = two.receive()
    assert received is not None
    assert received[0] == b"x"
    one.close()
    two.close()
