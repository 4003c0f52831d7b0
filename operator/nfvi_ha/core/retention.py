"""Which closed incidents may go: old ones and those beyond a number, but none that counts are taken from.

The next episode of a fault and the next sequence of a resource are counted from what is on record. Were all of it
deleted while the resource is still there, ids would be given a second time and receivers would take news for doubles.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nfvi_ha.core.fault import FaultKind, ResourceRef

TTL_DEFAULT: Final = timedelta(days=7)
CLOSED_DEFAULT: Final = 10_000

ResourceName = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One incident's record, as far as keeping it is concerned."""

    id: str
    resource: ResourceRef
    kind: FaultKind
    episode: int
    last_sequence: int
    """Of the last notification on record."""
    closed_at: datetime | None
    """None: something is still to be done or delivered; such a record never goes."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long closed incidents are kept, and how many."""

    ttl: timedelta = TTL_DEFAULT
    """From when nothing was left to do."""
    closed: int = CLOSED_DEFAULT
    """At most so many; the oldest go first."""


PERMANENT: Final = frozenset({"Sentinel", "NFVI"})
"""Kinds of resources that always exist: a seat is a place, whoever fills it."""


@dataclass(frozen=True, slots=True)
class Present:
    """The resources that exist now. A hypervisor's components are there as long as it is."""

    uids: Set[str]
    """Of hypervisors and their components the boot id."""
    names: Set[ResourceName]

    def has_incarnation(self, resource: ResourceRef) -> bool:
        """Whether this very incarnation is there."""
        return resource.kind in PERMANENT or resource.uid in self.uids

    def has_name(self, resource: ResourceRef) -> bool:
        """Whether one of that name is there, of whatever incarnation."""
        if resource.kind == "HypervisorComponent":
            return ("Hypervisor", "", resource.name.partition("/")[0]) in self.names
        return resource.kind in PERMANENT or (resource.kind, resource.namespace, resource.name) in self.names


def to_delete(records: Iterable[Kept], policy: Policy, present: Present, now: datetime) -> list[str]:
    """Ids of the records that may go now, those closed first at the front.

    Of every resource that exists, what its counts are taken from stays, however old and however many: the last
    episode of each kind of fault (per incarnation) and the highest sequence (per name).
    """
    known = list(records)
    kept = _counted_from(known, present)
    closed = sorted((at, record.id) for record in known if (at := record.closed_at) is not None)
    surplus = len(closed) - max(policy.closed, 0)
    free = [(at, identity) for at, identity in closed if identity not in kept]
    return [identity for place, (at, identity) in enumerate(free) if place < surplus or now - at >= policy.ttl]


def _counted_from(records: Iterable[Kept], present: Present) -> set[str]:
    episodes: dict[tuple[ResourceName, str, FaultKind], Kept] = {}
    sequences: dict[ResourceName, Kept] = {}
    for record in records:
        resource = record.resource
        name = (resource.kind, resource.namespace, resource.name)
        if present.has_incarnation(resource):
            fault = (name, resource.uid, record.kind)
            if fault not in episodes or episodes[fault].episode < record.episode:
                episodes[fault] = record
        if present.has_name(resource) and (
            name not in sequences or sequences[name].last_sequence < record.last_sequence
        ):
            sequences[name] = record
    return {record.id for record in (*episodes.values(), *sequences.values())}
