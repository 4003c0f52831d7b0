"""The Incident objects: the durable outbox, written after the first attempt and only by the leader."""

import logging
from collections.abc import Callable
from typing import Any

from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound
from nfvi_ha.kube.resources import INCIDENTS
from nfvi_ha.operator.incident_record import IncidentRecord, namespace_of, new_object, read_record, status_of
from nfvi_ha.operator.ledger import Ledger

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)


class Outbox:
    """Writes one incident's record as it is known now; asked again, it writes only what changed.

    ``on_written`` is called with the incident's id when its record exists for the first time.
    """

    def __init__(
        self,
        *,
        client: KubeClient,
        book: IncidentBook,
        ledger: Ledger,
        namespace: str,
        cluster: str,
        on_written: Callable[[str], None],
    ) -> None:
        self._client = client
        self._book = book
        self._ledger = ledger
        self._namespace = namespace
        self._cluster = cluster
        self._on_written = on_written
        self._written: dict[str, JsonObject] = {}
        """Status as last read or written, by incident; an entry means that the record exists."""
        self._places: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    def is_written(self, incident: str) -> bool:
        """Whether the record exists."""
        return incident in self._written

    def learn(self, record: IncidentRecord) -> None:
        """The record was read from the API."""
        identity = record.incident.id
        self._places[identity] = record.namespace
        self._versions[identity] = record.resource_version
        self._written[identity] = status_of(record.incident, record.deliveries).to_json()

    def forget(self, incident: str) -> None:
        """The record is gone."""
        for known in (self._written, self._places, self._versions):
            known.pop(incident, None)

    async def write(self, identity: str) -> None:
        """Make the record say what is known.

        Raises:
            KubeError: it could not be written; ask again.
        """
        incident = self._book.get(identity)
        if incident is None:
            return
        if identity not in self._written:
            await self._create(incident)
        status = status_of(incident, self._ledger.of(identity)).to_json()
        if status == self._written[identity]:
            return
        patch: JsonObject = {"metadata": {"resourceVersion": self._versions[identity]}, "status": status}
        try:
            answer = await self._client.patch(INCIDENTS, identity, patch, self._places[identity], subresource="status")
        except Conflict:
            await self._reread(incident)
            raise
        except NotFound:
            self.forget(identity)
            raise
        self._written[identity] = status
        self._versions[identity] = answer["metadata"]["resourceVersion"]

    async def _create(self, incident: Incident) -> None:
        place = self._places.get(incident.id) or namespace_of(incident, self._namespace)
        body = new_object(incident, place, self._cluster)
        try:
            answer = await self._client.create(INCIDENTS, body, place)
        except AlreadyExists:
            await self._reread(incident)
        except (NotFound, Forbidden) as error:
            # The namespace is gone or going away: the record is kept in ours.
            if place == self._namespace:
                raise
            log.info("record kept in our namespace", extra={"incident": incident.id, "error": str(error)})
            self._places[incident.id] = self._namespace
            await self._create(incident)
            return
        else:
            self._places[incident.id] = place
            self._versions[incident.id] = answer["metadata"]["resourceVersion"]
            self._written[incident.id] = {}
        self._on_written(incident.id)

    async def _reread(self, incident: Incident) -> None:
        place = self._places.get(incident.id) or namespace_of(incident, self._namespace)
        record = read_record(await self._client.get(INCIDENTS, incident.id, place))
        if record is None:
            raise Conflict(409, "NotOurs", f"Incident {place}/{incident.id} exists and is not readable as ours")
        self.learn(record)
        self._ledger.learn(incident.id, record.deliveries)
        self._book.learn(record.incident)
