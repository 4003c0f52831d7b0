"""Probes by peers: a sentinel asks an agent to try another node, and gets back what answered.

A request is at least as long as its result: it holds both names, and for each target more bytes than the three results
that a target can have.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.verdict.inputs import Method, Outcome
from nfvi_ha.core.wire.body import Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import SEATS

MAX_TARGETS: Final = 8
MAX_TCP_PORTS: Final = 8
_LENGTHS: Final = {4: 4, 6: 16}
_VERSION_OF: Final = {4: 4, 16: 6}
_METHODS: Final = {Method.TCP: 1, Method.ICMP: 2, Method.UDP: 3}
_OUTCOMES: Final = {Outcome.ACCEPTED: 1, Outcome.ANSWERED: 2, Outcome.REFUSED: 3, Outcome.SILENT: 4}
_METHOD_OF: Final = {code: method for method, code in _METHODS.items()}
_OUTCOME_OF: Final = {code: outcome for outcome, code in _OUTCOMES.items()}

__all__ = [
    "Found",
    "Method",
    "Outcome",
    "ProbeRequest",
    "ProbeResult",
    "Target",
    "decode_probe_request",
    "decode_probe_result",
    "encode_probe_request",
    "encode_probe_result",
]


@dataclass(frozen=True, slots=True)
class Target:
    """A node's address on one network."""

    network: int
    address: str
    """IPv4 or IPv6."""
    udp_port: int
    """Of its echo; 0 where not to be tried."""
    tcp_ports: tuple[int, ...] = ()
    """That were open before."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """A sentinel asks ``node`` to try ``target``."""

    node: str
    """The peer that is asked."""
    seat: int
    """Who asks."""
    request_id: int
    """64 random bits; a result that carries no open one is ignored."""
    target: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One method on one network."""

    network: int
    method: Method
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What ``node`` found when it tried ``target``."""

    node: str
    request_id: int
    target: str
    results: tuple[Found, ...]


def encode_probe_request(request: ProbeRequest, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram, with the key of the node that is asked.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    if not 0 <= request.seat < SEATS or len(request.targets) > MAX_TARGETS:
        raise OutOfRange(f"probe request of seat {request.seat} with {len(request.targets)} targets")
    writer = Writer().name(request.node, "node").number(request.seat, 1, "seat")
    writer.number(request.request_id, 8, "request_id").name(request.target, "target")
    for target in request.targets:
        _write_target(writer, target)
    return seal(FrameKind.PROBE_REQUEST, writer.done(), key, key_id, cluster)


def decode_probe_request(data: Data, key: bytes, cluster: bytes | None = None) -> ProbeRequest:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.PROBE_REQUEST, key, cluster))
    node, seat, request_id, target = reader.name(), reader.number(1), reader.number(8), reader.name()
    targets = tuple(_targets(reader))
    if seat >= SEATS or len(targets) > MAX_TARGETS:
        raise BadFrame(Reason.BODY, f"probe request of seat {seat} with {len(targets)} targets")
    return ProbeRequest(node, seat, request_id, target, targets)


def encode_probe_result(result: ProbeResult, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram, with the key of the node that was asked; at most three results for each target asked for.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    if len(result.results) > MAX_TARGETS * len(_METHODS):
        raise OutOfRange(f"probe result with {len(result.results)} results")
    writer = Writer().name(result.node, "node").number(result.request_id, 8, "request_id").name(result.target, "target")
    for found in result.results:
        writer.number(found.network, 1, "network").number(_METHODS[found.method], 1, "method")
        writer.number(_OUTCOMES[found.outcome], 1, "outcome")
    return seal(FrameKind.PROBE_RESULT, writer.done(), key, key_id, cluster)


def decode_probe_result(data: Data, key: bytes, cluster: bytes | None = None) -> ProbeResult:
    """From a datagram, authentic by its tag.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.PROBE_RESULT, key, cluster))
    node, request_id, target = reader.name(), reader.number(8), reader.name()
    results = tuple(_results(reader))
    if len(results) > MAX_TARGETS * len(_METHODS):
        raise BadFrame(Reason.BODY, f"probe result with {len(results)} results")
    return ProbeResult(node, request_id, target, results)


def _write_target(writer: Writer, target: Target) -> None:
    try:
        address = ipaddress.ip_address(target.address).packed
    except ValueError as error:
        raise OutOfRange(f"address: {error}") from error
    if len(target.tcp_ports) > MAX_TCP_PORTS:
        raise OutOfRange(f"tcp_ports: {len(target.tcp_ports)}, at most {MAX_TCP_PORTS}")
    writer.number(target.network, 1, "network").number(_VERSION_OF[len(address)], 1, "version").blob(address)
    writer.number(target.udp_port, 2, "udp_port").number(len(target.tcp_ports), 1, "tcp_ports")
    for port in target.tcp_ports:
        writer.number(port, 2, "tcp_port")


def _targets(reader: Reader) -> Iterable[Target]:
    while reader.more():
        network, version = reader.number(1), reader.number(1)
        if version not in _LENGTHS:
            raise BadFrame(Reason.BODY, f"an address of IP version {version}")
        address = str(ipaddress.ip_address(reader.raw(_LENGTHS[version])))
        udp_port, ports = reader.number(2), reader.number(1)
        if ports > MAX_TCP_PORTS:
            raise BadFrame(Reason.BODY, f"{ports} TCP ports")
        yield Target(network, address, udp_port, tuple(reader.number(2) for _ in range(ports)))


def _results(reader: Reader) -> Iterable[Found]:
    while reader.more():
        network, method, outcome = reader.number(1), reader.number(1), reader.number(1)
        if method not in _METHOD_OF or outcome not in _OUTCOME_OF:
            raise BadFrame(Reason.BODY, f"method {method}, outcome {outcome}")
        yield Found(network, _METHOD_OF[method], _OUTCOME_OF[outcome])
