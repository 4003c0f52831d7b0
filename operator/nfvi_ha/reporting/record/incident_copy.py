"""What the outbox remembers of a record that exists: where it is, and what it said when it was last read or written."""

from dataclasses import dataclass
from datetime import datetime

from nfvi_ha.api.names import FINALIZER_UNDELIVERED
from nfvi_ha.reporting.record.incident_record import IncidentRecord


@dataclass(frozen=True, slots=True)
class Copy:
    """A record as last read or written; its content by digest only, for there may be ten thousand."""

    namespace: str
    uid: str
    version: str
    spec: bytes
    """Digest."""
    status: bytes = b""
    """Digest; b"" as long as there is none that is sealed."""
    finalizers: tuple[str, ...] = ()
    closed_at: datetime | None = None
    deleted_since: float | None = None
    """Monotonic, when we first saw that it was asked to go."""

    @property
    def held(self) -> bool:
        """Whether our finalizer keeps it."""
        return FINALIZER_UNDELIVERED in self.finalizers


def copy_of(record: IncidentRecord, known: Copy | None, now: float) -> Copy:
    """The copy for a record that was read at ``now`` (monotonic), ``known`` being what we had."""
    deleted_since = None
    if record.deleting:
        seen = known.deleted_since if known is not None and known.uid == record.uid else None
        deleted_since = now if seen is None else seen
    return Copy(
        record.namespace,
        record.uid,
        record.resource_version,
        record.proof.spec_digest,
        record.proof.status_digest,
        record.finalizers,
        record.closed_at if record.closed else None,
        deleted_since,
    )


def is_older(version: str, other: str) -> bool:
    """Of two resourceVersions of one object. (etcd's revisions are numbers and grow.)"""
    return version.isdigit() and other.isdigit() and int(version) < int(other)
