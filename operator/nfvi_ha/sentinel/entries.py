"""What the scribe says, as typed values: every entry is checked by itself and refused by itself (invariant 6)."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.vimendpoint import VIMEndpoint
from nfvi_ha.reporting.credentials import Secret
from nfvi_ha.reporting.endpoint import Endpoint, EndpointRefused, resolve
from nfvi_ha.reporting.record.incident_record import IncidentRecord, read_record
from nfvi_ha.sentinel.scribe.lines import FeedKind

JsonObject = dict[str, Any]


class BadEntry(ValueError):  # noqa: N818 - what it is
    """An entry cannot be used; the message says why. ``reason`` is a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


def _address(value: object) -> str:
    return str(ip_address(str(value)))  # an address, never a name: the hot process asks no DNS


_BORDER: Final = ConfigDict(alias_generator=_camel, extra="ignore", populate_by_name=True)
Key = Annotated[bytes, BeforeValidator(_hex), Field(min_length=16, max_length=64)]
Address = Annotated[str, BeforeValidator(_address)]
Port = Annotated[int, Field(ge=1, le=65535)]


@dataclass(frozen=True, slots=True, config=_BORDER)
class ConfigEntry:
    """Keys, and the policy as it stands in the API."""

    cluster: Annotated[str, Field(min_length=1)]
    master_keys: Annotated[dict[Annotated[int, Field(ge=0, lt=2**32)], Key], Field(min_length=1, repr=False)]
    """By key id."""
    vote_key: Annotated[bytes, BeforeValidator(_hex), Field(max_length=64, repr=False)] = b""
    """b"" as long as there is none: seats do not speak with each other then."""
    policy: dict[str, Any] = Field(default_factory=dict)
    """Fields of ``VerdictPolicy``, and ``networks``: their names, in the order of their index in beats."""


@dataclass(frozen=True, slots=True, config=_BORDER)
class NodeEntry:
    """A hypervisor that is expected to beat."""

    uid: str = ""
    boot_id: Annotated[str, Field(alias="bootID")] = ""
    zone: str = ""
    governed: bool = True
    addresses: dict[str, Address] = Field(default_factory=dict)
    """By network."""
    tcp_ports: tuple[Port, ...] = ()
    """Ports of services that may be listening: whether they are is found out while the node is Up."""
    lease_stale: bool = False


@dataclass(frozen=True, slots=True, config=_BORDER)
class VmEntry:
    """A VM as the API shows it; its key is its uid."""

    namespace: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    node: str = ""
    vnf: str = ""
    slot: int | None = None
    report: bool = True
    going: bool = False
    """Its end is no failure: it is being deleted, moved away or shut down, or it has ended."""
    migrating: bool = False


@dataclass(frozen=True, slots=True, config=_BORDER)
class SeatEntry:
    """Where a sentinel listens."""

    addresses: Annotated[dict[str, Address], Field(min_length=1)]
    port: Port


@dataclass(frozen=True, slots=True, config=_BORDER)
class RedundancyEntry:
    """Whether a replica of the operator is missing; its key is the replica's identity."""

    lost: bool


@dataclass(frozen=True, slots=True, config=_BORDER)
class WrittenEntry:
    """An Incident is in the API with so many steps and its deliveries; its key is the incident's id."""

    steps: Annotated[int, Field(ge=0)]
    serial: int | None = None
    """Of the record that was handed over."""


Entry = ConfigEntry | NodeEntry | VmEntry | SeatEntry | RedundancyEntry | WrittenEntry | Endpoint | IncidentRecord
_SEATS: Final = frozenset({"0", "1", "2"})
_ADAPTERS: Final[Mapping[FeedKind, TypeAdapter[Any]]] = {
    FeedKind.CONFIG: TypeAdapter(ConfigEntry),
    FeedKind.NODE: TypeAdapter(NodeEntry),
    FeedKind.VM: TypeAdapter(VmEntry),
    FeedKind.SEAT: TypeAdapter(SeatEntry),
    FeedKind.REDUNDANCY: TypeAdapter(RedundancyEntry),
    FeedKind.WRITTEN: TypeAdapter(WrittenEntry),
}


def parse(kind: FeedKind, key: str, value: JsonObject) -> Entry:
    """An entry's value.

    Raises:
        BadEntry: it cannot be used, and why.
    """
    if kind is FeedKind.ENDPOINT:
        return _endpoint(value)
    if kind is FeedKind.INCIDENT:
        return _incident(value)
    if kind is FeedKind.SEAT and key not in _SEATS:
        raise BadEntry("Invalid", f"no seat {key!r}")
    try:
        entry: Entry = _ADAPTERS[kind].validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadEntry("Invalid", f"{where}: {first['msg']}") from error
    return entry


def _endpoint(value: JsonObject) -> Endpoint:
    listed = value.get("secrets", [])
    secrets = [Secret.from_object(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    try:
        return resolve(VIMEndpoint.parse(value.get("object")), {one.name: one for one in secrets}.get)
    except InvalidObject as error:
        raise BadEntry("Invalid", str(error)) from error
    except EndpointRefused as refusal:
        raise BadEntry(refusal.reason, f"{refusal.field}: {refusal.message}") from refusal


def _incident(value: JsonObject) -> IncidentRecord:
    record = value.get("record")
    read = read_record(record) if isinstance(record, dict) else None
    if read is None:
        raise BadEntry("Invalid", "no Incident that can be read")
    return read
