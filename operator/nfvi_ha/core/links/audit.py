"""Whether a storage path is built so that it can survive the loss of one link within a second (M6)."""

from collections.abc import Mapping
from typing import Final

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.links.bond import LACP, Bond
from nfvi_ha.core.links.decision import Finding

NO_REDUNDANCY: Final = "NoRedundancy"
SILENT_LOSS: Final = "SilentLossUndetected"
TOO_SLOW: Final = "FailoverTooSlow"
_SLOWEST_MS: Final = 900
"""What is left of the second for the detection; the switchover takes some milliseconds (measured: 40 at most)."""
_ARP_PERIODS: Final = 3
"""A bond's ARP monitor gives a member up after two to three intervals (measured: 250-325 ms at 100)."""


def audit(path: str, members: Mapping[str, str], bond: Bond | None, declared: str) -> Finding | None:
    """The worst that is wrong with how the path is built.

    Args:
        path: its name.
        members: by name, the device that each is a port of, without its function ("0000:3b:00"); "" if not known.
        bond: its bond, if it has one.
        declared: what was declared: the bond's name or those of the interfaces.
    """
    cause, detail = _worst(members, bond, declared)
    if not cause:
        return None
    component = f"path/{path}/configuration"
    return Finding(FaultKind.STORAGE_PATH_DEGRADED, component, cause, Severity.WARNING, detail)


def _worst(members: Mapping[str, str], bond: Bond | None, declared: str) -> tuple[str, str]:
    names = sorted(members)
    if len(members) < 2:
        only = f"has one member only, {names[0]}" if names else "has no member"
        return NO_REDUNDANCY, f"{declared} {only}; add one on another NIC"
    devices = {device for device in members.values() if device}
    if len(devices) == 1 and all(members.values()):
        return NO_REDUNDANCY, f"{' and '.join(names)} are ports of one NIC ({devices.pop()})"
    return _monitoring(bond) if bond is not None else ("", "")


def _monitoring(bond: Bond) -> tuple[str, str]:
    if not bond.miimon_ms and not bond.arp_interval_ms:
        return NO_REDUNDANCY, f"{bond.name} does not look at its links: set arp_interval or miimon"
    if bond.arp_interval_ms * _ARP_PERIODS > _SLOWEST_MS:
        return TOO_SLOW, f"{bond.name}: arp_interval {bond.arp_interval_ms} ms fails over too late; set 100"
    if bond.miimon_ms + bond.down_delay_ms > _SLOWEST_MS:
        return TOO_SLOW, f"{bond.name}: miimon and downdelay of {bond.miimon_ms}+{bond.down_delay_ms} ms are too slow"
    if bond.arp_interval_ms:
        return "", ""
    if bond.mode != LACP:
        return SILENT_LOSS, f"{bond.name} ({bond.mode}) sees a lost carrier only; set arp_interval=100, or 802.3ad"
    if not bond.fast_lacp:
        return SILENT_LOSS, f"{bond.name}: with lacp_rate slow a silent loss is seen after 90 s; set fast"
    return "", ""
