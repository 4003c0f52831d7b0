"""Which Incidents the hot process is told of."""

from collections import defaultdict
from collections.abc import Iterable

from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.sentinel.scribe.entries import incident_entry
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.lines import FeedKind

_Group = tuple[str, str, str, str]
"""Resource (kind, namespace, name) and kind of fault."""


class Told:
    """Puts into the feed what the hot process counts from: all that is open, and of the rest the newest per group.

    Ten thousand closed ones may be kept in the API; a new fault's episode and sequence follow from the newest alone.
    """

    def __init__(self, feed: Feed, cluster: str) -> None:
        self._feed = feed
        self._cluster = cluster
        self._records: dict[str, IncidentRecord] = {}
        self._groups: defaultdict[_Group, set[str]] = defaultdict(set)

    def put(self, record: IncidentRecord) -> None:
        """A record of ours was read."""
        self._records[record.incident.id] = record
        group = _group(record)
        self._groups[group].add(record.incident.id)
        self._tell(group)

    def drop(self, incident: str) -> None:
        """Its record is gone."""
        record = self._records.pop(incident, None)
        if record is None:
            return
        group = _group(record)
        self._feed.drop(FeedKind.INCIDENT, incident)
        self._groups[group].discard(incident)
        self._tell(group)

    def _tell(self, group: _Group) -> None:
        members = self._groups[group]
        told = counted_from(self._records[identity] for identity in members)
        for record in told:
            self._feed.put(FeedKind.INCIDENT, record.incident.id, incident_entry(record, self._cluster))
        for identity in members - {record.incident.id for record in told}:
            self._feed.drop(FeedKind.INCIDENT, identity)
        if not members:
            del self._groups[group]


def counted_from(records: Iterable[IncidentRecord]) -> list[IncidentRecord]:
    """Of one group's records: those that are open, and the newest of each incarnation's others."""
    told: list[IncidentRecord] = []
    newest: dict[str, IncidentRecord] = {}
    for record in records:
        if not record.closed:
            told.append(record)
            continue
        uid = record.incident.fault.resource.uid
        known = newest.get(uid)
        if known is None or known.incident.episode < record.incident.episode:
            newest[uid] = record
    if newest:
        told.append(max(newest.values(), key=_last_sequence))
    return told


def _last_sequence(record: IncidentRecord) -> int:
    return max(record.incident.sequence(step) for step in record.incident.steps)


def _group(record: IncidentRecord) -> _Group:
    fault = record.incident.fault
    return fault.resource.kind, fault.resource.namespace, fault.resource.name, fault.kind.value
