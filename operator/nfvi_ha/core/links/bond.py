"""What the kernel says of a bond, as it is in sysfs and in /proc/net/bonding (formats of Linux 3.10 to 6.12)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.core.links.link_state import LinkState

ACTIVE_BACKUP: Final = "active-backup"
LACP: Final = "802.3ad"
_DISTRIBUTING: Final = 0x20
"""Bit of an LACP port state (IEEE 802.1AX): the port sends what it is given."""
_FIELD: Final = re.compile(r"\s*([^:]+):\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class BondMember:
    """One member, as the bond sees it."""

    linked: bool = True
    """MII Status: what the bond's own monitor says."""
    aggregator: str = ""
    """Its id, "" where the mode has none."""
    port_state: int | None = None
    """Our LACP port state; None where it is not shown (it needs CAP_NET_ADMIN)."""


@dataclass(frozen=True, slots=True)
class Bond:
    """A bond, its settings and its members."""

    name: str
    mode: str
    """"active-backup", "802.3ad", "balance-rr", ..."""
    miimon_ms: int = 0
    down_delay_ms: int = 0
    arp_interval_ms: int = 0
    fast_lacp: bool = False
    active: str = ""
    """The active member; "" in modes that use all of them, or if there is none."""
    aggregator: str = ""
    """The active one's id; "" if not shown."""
    members: Mapping[str, BondMember] = field(default_factory=dict)

    def state_of(self, member: str, link: LinkState) -> LinkState:
        """The state of a member, the bond's own word included; ``link`` is that of the interface by itself."""
        seen = self.members.get(member)
        if seen is None:
            return LinkState.GONE
        if link is not LinkState.UP:
            return link
        if not seen.linked:
            return LinkState.BOND_DOWN
        if self.mode != LACP:
            return link
        astray = self.aggregator and seen.aggregator and seen.aggregator != self.aggregator
        mute = seen.port_state is not None and not seen.port_state & _DISTRIBUTING
        return LinkState.NOT_AGGREGATED if astray or mute else link


@dataclass(frozen=True, slots=True)
class ProcBond:
    """What /proc/net/bonding has of members."""

    aggregator: str
    members: Mapping[str, BondMember]
    active: str
    """"" where all are, or none."""


def parse_proc(text: str) -> ProcBond:
    """Read a file of /proc/net/bonding. Lines that are not known are passed over."""
    aggregator, active, section, part = "", "", "", ""
    members: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        matched = _FIELD.fullmatch(line)
        if matched is None:
            continue
        name, value = matched.groups()
        if name == "Slave Interface":
            section, part = value, ""
            members[section] = {}
        elif name.startswith("details "):
            part = name
        elif name == "Currently Active Slave":
            active = "" if value == "None" else value
        elif not section:
            aggregator = value if name == "Aggregator ID" else aggregator
        elif not part or (part, name) == ("details actor lacp pdu", "port state"):
            members[section][name] = value
    return ProcBond(aggregator, {name: _member(fields) for name, fields in members.items()}, active)


def _member(fields: Mapping[str, str]) -> BondMember:
    state = fields.get("port state", "")
    aggregator = fields.get("Aggregator ID", "")
    return BondMember(
        linked=fields.get("MII Status", "up") != "down",
        aggregator=aggregator if aggregator.isdecimal() else "",
        port_state=int(state) if state.isdecimal() else None,
    )
