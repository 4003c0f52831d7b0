"""Which networks there are, and who has which address on them.

Three switches: ``mgmt``, and two for storage. Each host has one link to each. The heartbeat uses ``mgmt`` and the first
storage link; the second is there so that a storage path has two members. Addresses are of the range that RFC 2544 sets
aside for tests of network devices, and exist only inside the lab's namespaces.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self


class Mode(StrEnum):
    """How hosts are kept apart."""

    NAMESPACES = "namespaces"
    """Each host has a network namespace: its links can be cut, and a host that is off answers nothing."""
    LOOPBACK = "loopback"
    """Each host has addresses of 127.0.0.0/8: no link can be cut, and the kernel goes on answering for dead ones."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link that each host has."""

    name: str
    """As the host sees it."""
    switch: str
    subnet: str
    loopback: str
    """The subnet that stands for it where namespaces are not permitted."""

    def address(self, number: int, mode: Mode) -> str:
        """The address of a host on this link."""
        network = ipaddress.ip_network(self.subnet if mode is Mode.NAMESPACES else self.loopback)
        return str(network[number])

    @property
    def prefix_length(self) -> int:
        """Of the subnet."""
        return ipaddress.ip_network(self.subnet).prefixlen


MGMT: Final = Link("mgmt0", "mgmt", "198.18.0.0/17", "127.18.0.0/17")
STORAGE_A: Final = Link("storage0", "storage-a", "198.19.0.0/17", "127.19.0.0/17")
STORAGE_B: Final = Link("storage1", "storage-b", "198.19.128.0/17", "127.19.128.0/17")
LINKS: Final = (MGMT, STORAGE_A, STORAGE_B)
BEAT_NETWORKS: Final[Mapping[str, Link]] = {"mgmt": MGMT, "storage": STORAGE_A}
"""Networks that heartbeats are sent over, in order of their index."""

AGENT_PORT: Final = 7700
SENTINEL_PORT: Final = 7701
"""UDP, on every beat network."""
RELAY_NUMBER: Final = 1
_FIRST_SENTINEL: Final = 11
_FIRST_HYPERVISOR: Final = 257


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the lab: its name, and its number on every network."""

    name: str
    number: int

    @classmethod
    def sentinel(cls, seat: int) -> Self:
        """The control plane host of a sentinel."""
        return cls(f"sentinel-{seat}", _FIRST_SENTINEL + seat)

    @classmethod
    def hypervisor(cls, name: str, index: int) -> Self:
        """The host of the ``index``-th hypervisor, from 0."""
        return cls(name, _FIRST_HYPERVISOR + index)

    def addresses(self, mode: Mode) -> dict[str, str]:
        """Its address by beat network."""
        return {network: link.address(self.number, mode) for network, link in BEAT_NETWORKS.items()}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"name": self.name, "number": self.number}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The reverse of ``to_json``."""
        return cls(**values)


def relay_address(mode: Mode) -> str:
    """Where hosts find the API server on the management network."""
    return MGMT.address(RELAY_NUMBER, mode) if mode is Mode.NAMESPACES else "127.0.0.1"
