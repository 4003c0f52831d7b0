"""The Incident objects: the durable outbox, written after the first attempt and only by the leader."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from nfvi_ha.api.names import ANNOTATION_HMAC, FINALIZER_UNDELIVERED
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.retention import Kept
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from nfvi_ha.kube.resources import INCIDENTS
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.record.incident_copy import Copy, copy_of, is_older
from nfvi_ha.reporting.record.incident_record import IncidentRecord, namespace_of, new_object, status_of
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.seal import STATUS_SEAL, SealKeys, spec_digest, status_digest

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

TERMINATING_SECONDS: Final = 10.0
"""So long an undelivered record may hold up the end of its namespace. (DESIGN allows 60 s.)"""
RETRY_DELETED_SECONDS: Final = 10.0
"""How often it is asked whether the namespace of a deleted record has come to its end."""


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
        self._strangers: dict[str, Copy] = {}
        """Deleted objects that are no records of ours, and have our finalizer."""
        self._retired: set[str] = set()
        """Closed, and their records deleted; known on because the next ones are counted from them."""

    def is_written(self, incident: str) -> bool:
        """Whether the record exists and says what happened."""
        copy = self._copies.get(incident)
        return copy is not None and bool(copy.status)

    def is_closed(self, incident: str) -> bool:
        """Whether the record says that nothing is left to do, and may go."""
        copy = self._copies.get(incident)
        return incident in self._retired or (copy is not None and copy.closed_at is not None and not copy.held)

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
        copy = copy_of(record, known, self._clock.monotonic())
        if known is None or known.uid == copy.uid:
            if known is None or not is_older(copy.version, known.version):
                self._copies[identity] = copy
            return
        # Two of them: one was moved here from a namespace that goes away.
        old, new = (copy, known) if copy.deleted_since is not None else (known, copy)
        self._copies[identity] = new
        if old.held:
            self._leftovers[identity] = old

    def disown(self, record: IncidentRecord) -> None:
        """The record is not ours. If it was asked to go, our finalizer must not keep it."""
        copy = copy_of(record, None, self._clock.monotonic())
        if copy.held and record.deleting:
            self._strangers[record.incident.id] = copy
            self._again(record.incident.id, 0.0)

    def strangers(self) -> frozenset[str]:
        """Names of those that are to be let go."""
        return frozenset(self._strangers)

    def retire(self, incident: str) -> None:
        """Its record is gone, and no other is to be made."""
        self._retired.add(incident)

    def retired(self) -> tuple[str, ...]:
        """Those without a record."""
        return tuple(self._retired)

    def forget(self, incident: str) -> None:
        """Nothing is counted from it any more."""
        self._retired.discard(incident)

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
        if identity in self._strangers:
            await self._release(identity, self._strangers[identity])
            self._strangers.pop(identity, None)
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
            await self._release(identity, copy)
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
            metadata = await self._patch(identity, copy, patch, subresource="status")
            self._note(identity, replace(copy, status=digest, closed_at=status.closed_at), metadata)
            if not copy.status:
                self._on_written(identity)
        self._on_recorded(identity, last_step)

    async def _release(self, identity: str, copy: Copy) -> None:
        """Take our finalizer off."""
        rest = [name for name in copy.finalizers if name != FINALIZER_UNDELIVERED]
        patch = {"metadata": {"resourceVersion": copy.version, "finalizers": rest or None}}
        with contextlib.suppress(NotFound):
            self._note(identity, copy, await self._patch(identity, copy, patch, subresource=None))

    async def _patch(self, identity: str, copy: Copy, patch: JsonObject, *, subresource: str | None) -> JsonObject:
        """Patch the version that we know, and return the new metadata."""
        try:
            answer = await self._client.patch(INCIDENTS, identity, patch, copy.namespace, subresource=subresource)
        except Conflict:
            await self._reread(identity, copy.namespace)
            raise
        except NotFound:
            self.gone(identity, copy.uid)
            raise
        metadata: JsonObject = answer["metadata"]
        return metadata

    def _note(self, identity: str, written: Copy, metadata: JsonObject) -> None:
        """What we have written stands there now, unless the watch has already shown something newer."""
        known = self._copies.get(identity)
        version = str(metadata["resourceVersion"])
        if known is None or known.uid != written.uid or is_older(version, known.version):
            return
        deleted_since = known.deleted_since
        if deleted_since is None and metadata.get("deletionTimestamp"):
            deleted_since = self._clock.monotonic()
        finalizers = tuple(metadata.get("finalizers") or ())
        self._copies[identity] = replace(written, version=version, finalizers=finalizers, deleted_since=deleted_since)

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
                await self._evict(incident.id)
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

    async def _evict(self, identity: str) -> None:
        """Our own namespace is no place for what is not ours."""
        stranger = (await self._client.get(INCIDENTS, identity, self._namespace))["metadata"]
        await self._client.patch(INCIDENTS, identity, {"metadata": {"finalizers": None}}, self._namespace)
        await self._client.delete(INCIDENTS, identity, self._namespace, uid=stranger["uid"])
        log.warning("stranger removed", extra={"object": f"{self._namespace}/{identity}"})

    async def _reread(self, identity: str, place: str) -> bool:
        """Take in what stands in the API now; False if it is not ours."""
        record = self._read(await self._client.get(INCIDENTS, identity, place))
        if record is None:
            return False
        self.learn(record)
        self._ledger.learn(identity, record.deliveries)
        self._book.learn(record.incident)
        return True


_NOTHING: Final[JsonObject] = {"clearedAt": None, "closedAt": None}
"""Fields of a status that may be absent."""
