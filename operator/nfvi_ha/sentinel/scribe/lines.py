"""What the two processes of a sentinel say to each other: one JSON object per line, over a stream socket.

Scribe to hot process: ``{"put": KIND, "key": ..., "value": {...}}``, ``{"drop": KIND, "key": ...}`` and
``{"synced": true}``. All that was put before the first ``synced`` of a connection is the whole truth: what the
receiver knew from the cache or an earlier connection, and was not put again, is gone. From then on come deltas. The
cache file holds the same lines and ends with ``synced``.

Hot process to scribe, one object per line, by its only key:

- ``{"record": {...}, "serial": n}``: an Incident as ``api.incident`` has it, spec and status with deliveries.
  ``serial`` is optional and comes back in ``written``, so that an answer to an older version empties no spool.
- ``{"hypervisor": {"node", "state", "reason", "since", "bootID", "confidence", "vms", "conditions", "agents",
  "hardware", "storagePaths", "watchdog"}}``: the whole of what the sentinel knows of one hypervisor, on change.
- ``{"event": {"node", "type", "reason", "note"}}``: a Kubernetes Event on the node.
- ``{"seats": [0, 2]}``: the seats that are heard now, this one included, on change. The lowest writes at once.

A scribe that starts knows nothing: records that are not written, the newest report of each hypervisor and the seats
are said to it again.

Standard library and orjson only: the hot process imports this.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson

JsonObject = dict[str, Any]

FD_VARIABLE: Final = "NFVI_HA_SCRIBE_FD"
"""Environment variable with the number of the inherited socket."""
CACHE_FILE: Final = "feed.json"
MAX_LINE_BYTES: Final = 4 * 2**20
"""An Incident with 1024 deliveries is about 300 kB."""


class FeedKind(StrEnum):
    """What is put and dropped."""

    CONFIG = "config"
    """Key "config": cluster, masterKeys {id: hex}, voteKey (hex, "" when there is none yet), policy."""
    NODE = "node"
    """Key: name. uid, bootID, zone, governed, addresses {network: ip}, tcpPorts, leaseStale."""
    VM = "vm"
    """Key: uid. namespace, name, node, vnf, slot, report, going, migrating."""
    ENDPOINT = "endpoint"
    """Key: name. object (a VIMEndpoint) and secrets (those that it names), for ``reporting.endpoint.resolve``."""
    INCIDENT = "incident"
    """Key: id. record: an Incident that carries our seal."""
    SEAT = "seat"
    """Key: number. addresses {network: ip} and port."""
    REDUNDANCY = "redundancy"
    """Key: identity of an operator replica. lost."""
    WRITTEN = "written"
    """Key: incident id. steps: so many are in the API, with their deliveries; serial: of the record written. An answer,
    not a state: it is not in the cache."""


@dataclass(frozen=True, slots=True)
class Put:
    """Something is so."""

    kind: FeedKind
    key: str
    value: JsonObject


@dataclass(frozen=True, slots=True)
class Drop:
    """Something is not there any more."""

    kind: FeedKind
    key: str


@dataclass(frozen=True, slots=True)
class Synced:
    """All was said once."""


FeedLine = Put | Drop | Synced


class BadLine(ValueError):  # noqa: N818 - what it is
    """A line that is none of ours."""


def encode(line: FeedLine) -> bytes:
    """One line, with its end."""
    match line:
        case Put(kind, key, value):
            return orjson.dumps({"put": kind.value, "key": key, "value": value}, option=orjson.OPT_APPEND_NEWLINE)
        case Drop(kind, key):
            return orjson.dumps({"drop": kind.value, "key": key}, option=orjson.OPT_APPEND_NEWLINE)
        case Synced():
            return b'{"synced":true}\n'


def decode(data: bytes) -> FeedLine:
    """Read one line.

    Raises:
        BadLine: it is not one of ours. A kind that a later release invented is one of these, too: leave it out.
    """
    line = decode_object(data)
    if line.get("synced") is True:
        return Synced()
    key, value = line.get("key"), line.get("value")
    name = line.get("put", line.get("drop"))
    try:
        kind = FeedKind(str(name))
    except ValueError as error:
        raise BadLine(f"kind {name!r} is not known") from error
    if not isinstance(key, str):
        raise BadLine(f"{kind} without a key")
    if "drop" in line:
        return Drop(kind, key)
    if not isinstance(value, dict):
        raise BadLine(f"{kind} {key!r} without a value")
    return Put(kind, key, value)


def decode_object(data: bytes) -> JsonObject:
    """Read one line of any kind as an object.

    Raises:
        BadLine: it is no JSON object.
    """
    try:
        line = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(line, dict):
        raise BadLine("no JSON object")
    return line


def read_cache(path: Path) -> Iterator[FeedLine]:
    """The lines of a cache file. None at all where there is no file: the first start of a seat.

    Raises:
        OSError: it is there and cannot be read.
        BadLine: it is damaged; what came before holds.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            yield decode(line)
