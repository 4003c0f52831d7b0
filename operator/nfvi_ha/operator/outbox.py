"""The Incident objects: the durable outbox, written after the first attempt and only by the leader."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from nfvi_ha.api.names import ANNOTATION_HMAC, FINALIZER_UNDELIVERED
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.retention import Kept
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from nfvi_ha.kube.resources import INCIDENTS
from nfvi_ha.operator.clock import Clock
from nfvi_ha.operator.incident_record import IncidentRecord, namespace_of, new_object, status_of
from nfvi_ha.operator.ledger import Ledger
from nfvi_ha.operator.seal import STATUS_SEAL, SealKeys, spec_digest, status_digest

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

TERMINATING_SECONDS: Final = 10.0
"""So long an undelivered record may hold up the end of its namespace. (DESIGN allows 60 s.)"""
RETRY_DELETED_SECONDS: Final = 10.0
"""How often it is asked whether the namespace of a deleted record has come to its end."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A record as last read or written."""

    namespace: str
    uid: str
    version: str
    spec: bytes
    """Digest."""
    status: bytes = b""
    """Digest; b"" as long as there is none that is sealed."""
    last_step: int = 0
    finalizers: tuple[str, ...] = ()
    closed_at: datetime | None = None
    deleted_since: float | None = None
    """Monotonic, when we first saw that it was asked to go."""

    @property
    def held(self) -> bool:
        """Whether our finalizer keeps it."""
        return FINALIZER_UNDELIVERED in self.finalizers


class Outbox:
    """Writes one incident's record as it is known now; asked again, it writes only what changed.

    Args:
        client: refuses every change that is made without surely holding the Lease.
        keys: seal what is written.
        read: makes a record of an object, None if it is not ours.
        on_written: called with the incident's id when its record is complete for the first time.
        on_recorded: called with the incident's id and the number of the last step that its record holds.
        again: asks for ``write`` in so many seconds.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        book: IncidentBook,
        ledger: Ledger,
        keys: SealKeys,
        clock: Clock,
        namespace: str,
        cluster: str,
        read: Callable[[JsonObject], IncidentRecord | None],
        on_written: Callable[[str], None],
        on_recorded: Callable[[str, int], None],
        again: Callable[[str, float], None],
    ) -> None:
        self._client = client
        self._book = book
        self._ledger = ledger
        self._keys = keys
        self._clock = clock
        self._namespace = namespace
        self._cluster = cluster
        self._read = read
        self._on_written = on_written
        self._on_recorded = on_recorded
        self._again = again
        self._copies: dict[str, Copy] = {}
        self._leftovers: dict[str, Copy] = {}
        """Records in a terminating namespace that go on elsewhere, and still have our finalizer."""

    def is_written(self, incident: str) -> bool:
        """Whether the record exists and says what happened."""
        copy = self._copies.get(incident)
        return copy is not None and bool(copy.status)

    def is_closed(self, incident: str) -> bool:
        """Whether the record says that nothing is left to do, and may go."""
        copy = self._copies.get(incident)
        return copy is not None and copy.closed_at is not None and not copy.held

    def is_own(self, incident: str, version: str) -> bool:
        """Whether a version of the record is the one that we know, having written or read it."""
        copy = self._copies.get(incident)
        return copy is not None and copy.version == version

    def kept(self) -> Iterator[tuple[Kept, Copy]]:
        """All records that were not asked to go, for retention."""
        for identity, copy in self._copies.items():
            incident = self._book.get(identity)
            if incident is not None and copy.deleted_since is None:
                fault, last = incident.fault, max(incident.sequence(step) for step in incident.steps)
                closed_at = copy.closed_at if self.is_closed(identity) else None
                yield Kept(identity, fault.resource, fault.kind, incident.episode, last, closed_at), copy

    def learn(self, record: IncidentRecord) -> None:
        """The record was read from the API, and is ours."""
        identity = record.incident.id
        known = self._copies.get(identity)
        copy = self._copy(record, known)
        if known is None or known.uid == copy.uid:
            self._copies[identity] = copy
            return
        # Two of them: one was moved here from a namespace that goes away.
        old, new = (copy, known) if copy.deleted_since is not None else (known, copy)
        self._copies[identity] = new
        if old.held:
            self._leftovers[identity] = old

    def gone(self, incident: str, uid: str) -> bool:
        """A record was deleted; whether it was the one in use."""
        leftover = self._leftovers.get(incident)
        if leftover is not None and leftover.uid == uid:
            del self._leftovers[incident]
        copy = self._copies.get(incident)
        if copy is None or copy.uid != uid:
            return False
        del self._copies[incident]
        return True

    async def write(self, identity: str) -> None:
        """Make the record say what is known, and let it go when it is not needed any more.

        Raises:
            KubeError: it could not be written; ask again.
        """
        incident = self._book.get(identity)
        if incident is None or (self.is_closed(identity) and identity not in self._leftovers):
            return
        if identity not in self._copies:
            await self._create(incident, namespace_of(incident, self._namespace))
        await self._put_status(identity)
        copy = self._copies[identity]
        if copy.held and (copy.closed_at is not None or copy.deleted_since is not None):
            await self._let_go(identity, copy)
        if (leftover := self._leftovers.get(identity)) is not None:
            await self._release(identity, leftover)
            self._leftovers.pop(identity, None)

    async def _let_go(self, identity: str, copy: Copy) -> None:
        """Closed, or deleted by somebody: our finalizer goes as soon as everything arrived that is known of."""
        if self._ledger.all_final(identity):
            self._copies[identity] = await self._release(identity, copy)
        elif copy.deleted_since is not None:
            waited = self._clock.monotonic() - copy.deleted_since
            if waited < TERMINATING_SECONDS or copy.namespace == self._namespace:
                self._again(identity, max(TERMINATING_SECONDS - waited, 0.1))
            elif await self._is_terminating(identity, copy):
                await self._move(identity, copy)
            else:
                self._again(identity, RETRY_DELETED_SECONDS)

    async def _move(self, identity: str, copy: Copy) -> None:
        """Go on in our namespace: first the new record, complete, then the old one's finalizer."""
        incident = self._book.get(identity)
        if incident is None:
            return
        log.info("record moved to our namespace", extra={"incident": identity, "from": copy.namespace})
        self._leftovers[identity] = copy
        del self._copies[identity]
        try:
            await self._create(incident, self._namespace)
            await self._put_status(identity)
        except BaseException:
            # Not complete: the old one is still the record.
            self._copies[identity] = self._leftovers.pop(identity)
            raise

    async def _is_terminating(self, identity: str, copy: Copy) -> bool:
        """Whether nothing can be created where the record is. Asked by a creation that is not carried out."""
        incident = self._book.get(identity)
        if incident is None:
            return False
        body = new_object(incident, copy.namespace, self._cluster)
        try:
            await self._client.create(INCIDENTS, body, copy.namespace, dry_run=True)
        except AlreadyExists:
            return False
        except (Forbidden, NotFound):
            return True
        return False

    async def _put_status(self, identity: str) -> None:
        incident, copy = self._book.get(identity), self._copies[identity]
        if incident is None:
            return
        status = status_of(incident, self._ledger.of(identity))
        content = status.to_json()
        digest = status_digest(copy.uid, copy.spec, content)
        last_step = incident.steps[-1].number
        if digest != copy.status:
            content[STATUS_SEAL] = self._keys.sign(digest)
            # A merge keeps what it does not name; what somebody else put there is not kept.
            patch = {"metadata": {"resourceVersion": copy.version}, "status": {**_NOTHING, **content}}
            version = await self._patch(identity, copy, patch, subresource="status")
            self._copies[identity] = replace(
                copy, version=version, status=digest, last_step=last_step, closed_at=status.closed_at
            )
            if not copy.status:
                self._on_written(identity)
        self._on_recorded(identity, last_step)

    async def _release(self, identity: str, copy: Copy) -> Copy:
        """Take our finalizer off."""
        rest = tuple(name for name in copy.finalizers if name != FINALIZER_UNDELIVERED)
        patch = {"metadata": {"resourceVersion": copy.version, "finalizers": list(rest) or None}}
        try:
            version = await self._patch(identity, copy, patch, subresource=None)
        except NotFound:
            return replace(copy, finalizers=rest)
        return replace(copy, finalizers=rest, version=version)

    async def _patch(self, identity: str, copy: Copy, patch: JsonObject, *, subresource: str | None) -> str:
        """Patch the version that we know, and return the new one."""
        try:
            answer = await self._client.patch(INCIDENTS, identity, patch, copy.namespace, subresource=subresource)
        except Conflict:
            await self._reread(identity, copy.namespace)
            raise
        except NotFound:
            self.gone(identity, copy.uid)
            raise
        return str(answer["metadata"]["resourceVersion"])

    async def _create(self, incident: Incident, place: str) -> None:
        body = new_object(incident, place, self._cluster)
        digest = spec_digest(place, incident.id, body["spec"])
        body["metadata"]["annotations"] = {ANNOTATION_HMAC: self._keys.sign(digest)}
        try:
            answer = await self._client.create(INCIDENTS, body, place)
        except AlreadyExists:
            if await self._reread(incident.id, place):
                return
            # A stranger has taken its name (and is told of where it is seen): the true record is kept in ours.
            if place == self._namespace:
                raise
        except (NotFound, Forbidden) as error:
            # The namespace is gone or going away: the record is kept in ours.
            if place == self._namespace:
                raise
            log.info("record kept in our namespace", extra={"incident": incident.id, "error": str(error)})
        else:
            metadata = answer["metadata"]
            finalizers = (FINALIZER_UNDELIVERED,)
            self._copies[incident.id] = Copy(
                place, metadata["uid"], metadata["resourceVersion"], digest, finalizers=finalizers
            )
            return
        await self._create(incident, self._namespace)

    async def _reread(self, identity: str, place: str) -> bool:
        """Take in what stands in the API now; False if it is not ours."""
        record = self._read(await self._client.get(INCIDENTS, identity, place))
        if record is None:
            return False
        self.learn(record)
        self._ledger.learn(identity, record.deliveries)
        self._book.learn(record.incident)
        return True

    def _copy(self, record: IncidentRecord, known: Copy | None) -> Copy:
        deleted_since = None
        if record.deleting:
            same = known is not None and known.uid == record.uid
            deleted_since = known.deleted_since if known is not None and same else None
            deleted_since = self._clock.monotonic() if deleted_since is None else deleted_since
        return Copy(
            record.namespace,
            record.uid,
            record.resource_version,
            record.proof.spec_digest,
            record.proof.status_digest,
            record.incident.steps[-1].number,
            record.finalizers,
            record.closed_at if record.closed else None,
            deleted_since,
        )


_NOTHING: Final[JsonObject] = {"clearedAt": None, "closedAt": None}
"""Fields of a status that may be absent."""
