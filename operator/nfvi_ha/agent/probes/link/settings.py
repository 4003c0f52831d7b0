"""Settings of the link probe, as people write them under ``probes.link``."""

import ipaddress
import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from nfvi_ha.agent.probes.link.echo import EchoTarget

NAME: Final = r"^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$"
INTERFACE: Final = r"^[^\x00-\x20/:*?\[\]]{1,15}$"
_TARGET: Final = re.compile(r"(?:(?P<node>[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)@)?(?P<address>.+):(?P<port>\d{1,5})")

InterfaceName = Annotated[str, Field(pattern=INTERFACE)]
Pattern = Annotated[str, Field(pattern=r"^[^\x00-\x20/]{1,32}$")]


def parse_target(text: str) -> EchoTarget:
    """``[node@]address:port``, an IPv6 address in brackets.

    Raises:
        ValueError: it is not such.
    """
    matched = _TARGET.fullmatch(text)
    if matched is None:
        raise ValueError(f"{text!r} is not [node@]address:port")
    address = matched["address"]
    in_brackets = address.startswith("[") and address.endswith("]")
    found = ipaddress.ip_address(address[1:-1] if in_brackets else address)
    if in_brackets != (found.version == 6):
        raise ValueError(f"{text!r}: an IPv6 address goes in brackets, and no other does")
    port = int(matched["port"])
    if not 0 < port < 65536:
        raise ValueError(f"{text!r}: port {port}")
    return EchoTarget(text.rpartition("@")[2], str(found), port, matched["node"] or "")


def _target(text: str) -> str:
    parse_target(text)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class StoragePathSetting(_Part):
    """A way by which this hypervisor reaches its storage."""

    name: Annotated[str, Field(pattern=NAME)]
    bond: InterfaceName | None = None
    """The bond that carries it."""
    interfaces: Annotated[tuple[InterfaceName, ...], Field(max_length=8)] = ()
    """Its interfaces, where it has no kernel bond: routes by metric, ECMP, MPTCP, a bond of Open vSwitch."""
    targets: Annotated[tuple[Annotated[str, AfterValidator(_target)], ...], Field(max_length=8)] = ()
    """Who is asked over it: "address:port" of a UDP echo server, or "node@address:port" of another node's agent. Two
    or more on different hosts tell a dead path from a dead host."""
    period_ms: Annotated[int, Field(ge=20, le=200)] = 50
    """Between two probes to each target."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.bond is None) == (not self.interfaces):
            raise ValueError("give either bond or interfaces")
        if len(set(self.interfaces)) < len(self.interfaces) or len(set(self.targets)) < len(self.targets):
            raise ValueError("an interface or a target is named twice")
        return self


class LinkProbeSettings(_Part):
    """All have defaults."""

    interfaces: tuple[InterfaceName, ...] | None = None
    """Interfaces whose carrier is watched, beside those of storage paths. Without: adapters that were up once, bonds
    and their members."""
    ignore: tuple[Pattern, ...] = ("idrac*", "usb*", "virbr*")
    """Of those, names that are not watched, with * and ?. The defaults are BMCs' and libvirt's own."""
    poll_ms: Annotated[int, Field(ge=20, le=1000)] = 100
    """Between two looks at all carriers and bonds. Netlink tells of most changes at once; of a bare adapter's up to a
    second late (the kernel's linkwatch)."""
    storage_paths: Annotated[tuple[StoragePathSetting, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [path.name for path in self.storage_paths]
        if len(set(names)) < len(names):
            raise ValueError("storagePaths: two have the same name")
        return self


def read_settings(raw: Any) -> LinkProbeSettings:
    """Checked settings.

    Raises:
        ValueError: one is wrong; the message names it.
    """
    try:
        return LinkProbeSettings.model_validate(raw)
    except ValidationError as error:
        each = error.errors(include_url=False)[0]
        place = ".".join(("probes", "link", *map(str, each["loc"])))
        raise ValueError(f"{place}: {each['msg'].removeprefix('Value error, ')}") from error
