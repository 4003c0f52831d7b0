"""Incidents: what the hot process saw is written and sealed; what the API holds is judged, and told to the hot process.

Several sentinels write the same Incident. Its name follows from the fault, so the first one makes it and the others
find it there; each adds what it alone knows, on the version that it has read.
"""

import logging
import random
from collections.abc import Callable
from typing import Final

from nfvi_ha.core.fault import ResourceRef
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.workqueue import WorkQueue
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.reporting.record.incident_record import IncidentRecord, read_record
from nfvi_ha.reporting.record.intake import IncidentView, Intake, Refusal
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.outbox import Outbox
from nfvi_ha.reporting.record.seal import SECRET_NAME, SealKeys
from nfvi_ha.sentinel.scribe.feed import Feed
from nfvi_ha.sentinel.scribe.merging import merged
from nfvi_ha.sentinel.scribe.told import Told

log = logging.getLogger(__name__)

CONCURRENCY: Final = 16
LAST_RETRY_SECONDS: Final = 3.0
"""Longest wait between tries: an API server that is back is used soon."""
_Resource = tuple[str, str, str]
"""Kind, namespace and name: one resource's records are written one after another, in the order in which they came."""


class _Order:
    """One word of the hot process: a newer one on the same incident is another object."""

    __slots__ = ("serial",)

    def __init__(self, serial: int | None) -> None:
        self.serial = serial


class Records:
    """All about Incidents, in this process.

    Args:
        client: what writes.
        feed: is told of records, and that something was written.
        clock: time.
        namespace: our own.
        cluster: name of this NFVI.
        delay: how many seconds this seat waits before it writes.
        on_written: told of each incident that is in the API, by our writing or as the watch shows it.
    """

    def __init__(
        self,
        client: KubeClient,
        feed: Feed,
        *,
        clock: Clock,
        namespace: str,
        cluster: str,
        delay: Callable[[], float],
        on_written: Callable[[Incident], None],
    ) -> None:
        self._feed = feed
        self._delay = delay
        self._on_written = on_written
        self.book = IncidentBook()
        self._ledger = Ledger()
        self._keys = SealKeys()
        self._waiting: dict[_Resource, dict[str, _Order]] = {}
        """Incidents to write with the newest word on them, in the order in which they came."""
        self._told = Told(feed, cluster)
        self.intake = Intake(
            self._keys,
            is_own=lambda *_: False,  # its status may be new to the feed, even if we wrote it
            on_record=self._on_record,
            on_gone=self._on_gone,
            on_refused=_tell_refused,
            on_stranger=lambda _: None,  # the operator sees to those
        )
        self._outbox = Outbox(
            client=client,
            book=self.book,
            ledger=self._ledger,
            keys=self._keys,
            clock=clock,
            namespace=namespace,
            cluster=cluster,
            read=self.intake.read,
            on_written=lambda _: None,
            on_recorded=lambda *_: None,
            again=self._again,
        )
        self._queue = WorkQueue[_Resource](
            "incidents",
            self._write,
            concurrency=CONCURRENCY,
            on_error=lambda *_: None,  # the queue logs it
            jitter=random.random,
            last_retry_seconds=LAST_RETRY_SECONDS,
        )

    async def run(self) -> None:
        """Write for ever."""
        await self._queue.run()

    def is_written(self, incident: str) -> bool:
        """Whether the Incident is in the API and says what happened."""
        return self._outbox.is_written(incident)

    def take(self, obj: JsonObject, serial: int | None) -> None:
        """The hot process wants this written."""
        record = read_record(obj)
        if record is None:
            log.error("record of the hot process cannot be read", extra={"object": _name_of(obj)})
            return
        incident = record.incident
        self.book.learn(merged(self.book.get(incident.id), incident))
        self._ledger.learn(incident.id, record.deliveries)
        key = _resource(incident.fault.resource)
        self._waiting.setdefault(key, {})[incident.id] = _Order(serial)
        self._queue.add_after(key, self._delay())

    def changed(self, change: Change[IncidentView]) -> None:
        """The watch shows that an Incident came, changed or went."""
        if change.new is not None:
            self.intake.changed(change.new)
        elif change.old is not None:
            self.intake.gone(change.old)

    def secret(self, secret: Secret) -> None:
        """A Secret of our namespace changed, perhaps the one with the keys of seals."""
        if secret.name == SECRET_NAME and self._keys.replace(secret.data):
            log.info("keys of Incidents", extra={"keys": sorted(self._keys.all)})
            self.intake.keys_changed()
            for key in self._waiting:
                self._queue.add(key)

    async def _write(self, key: _Resource) -> None:
        waiting = self._waiting.get(key, {})
        while waiting:
            identity, order = next(iter(waiting.items()))
            await self._outbox.write(identity)
            incident = self.book.get(identity)
            if waiting.get(identity) is order:
                del waiting[identity]  # nothing newer came meanwhile
            if incident is not None:
                self._feed.answer(identity, {"steps": len(incident.steps), "serial": order.serial})
                log.info("incident written", extra={"incident": identity, "steps": len(incident.steps)})
                self._on_written(incident)
        if not self._waiting.get(key, True):
            del self._waiting[key]

    def _again(self, identity: str, seconds: float) -> None:
        incident = self.book.get(identity)
        if incident is not None:
            key = _resource(incident.fault.resource)
            self._waiting.setdefault(key, {}).setdefault(identity, _Order(None))
            self._queue.add_after(key, seconds)

    def _on_record(self, record: IncidentRecord) -> None:
        identity = record.incident.id
        self._outbox.learn(record)
        self.book.learn(record.incident)
        self._ledger.learn(identity, record.deliveries)
        self._told.put(record)
        self._on_written(record.incident)

    def _on_gone(self, identity: str, uid: str) -> None:
        if not self._outbox.gone(identity, uid):
            return
        self._told.drop(identity)
        incident = self.book.get(identity)
        if incident is not None and identity not in self._waiting.get(_resource(incident.fault.resource), {}):
            self.book.forget(identity)
            self._ledger.forget(identity)


def _resource(resource: ResourceRef) -> _Resource:
    return resource.kind, resource.namespace, resource.name


def _tell_refused(record: IncidentRecord, refusal: Refusal, message: str) -> None:
    name = f"{record.namespace}/{record.incident.id}"
    log.warning("refused", extra={"object": name, "reason": refusal.value, "detail": message})


def _name_of(obj: JsonObject) -> str:
    metadata = obj.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else ""
