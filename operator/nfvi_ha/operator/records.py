"""All about the Incident objects in one place: read and judged, written and sealed, deleted in the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from nfvi_ha.api.names import API_VERSION
from nfvi_ha.core.incident import Incident
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.core.retention import Policy, Present
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.lease import NotLeader
from nfvi_ha.kube.recorder import EventType
from nfvi_ha.operator import reasons
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.reporter import Reporter
from nfvi_ha.operator.retention import ROUND_SECONDS, Retention
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.reporting.endpoint import Secret
from nfvi_ha.reporting.record.incident_record import IncidentRecord
from nfvi_ha.reporting.record.intake import IncidentView, Intake, Refusal
from nfvi_ha.reporting.record.ledger import Ledger
from nfvi_ha.reporting.record.outbox import Outbox
from nfvi_ha.reporting.record.seal import SECRET_NAME, SealKeeper, SealKeys

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

LEARN_SECONDS: Final = 0.05
KEY_SECONDS: Final = 1.0
"""How often it is looked whether the key is there."""


class Records:
    """The outbox and what surrounds it.

    Args:
        client: refuses every change that is made without surely holding the Lease.
        book: all incidents known.
        ledger: all deliveries known.
        secrets: of our namespace, as the watch shows them.
        reporter: the one that learns from the records (it is made after this).
        present: the resources that exist now.
        leading: whether this replica holds the Lease, and has seen everything once.
        after: calls something in so many seconds.
        mark: asks for ``write`` in so many seconds.
        on_written: called with the incident's id when its record is complete for the first time.
        on_learned: called with what was known of an incident and what is known now that its record was read.
        emit: makes a Kubernetes Event: regarding, type, reason, note.
        clock: time.
        metrics: where errors and refusals are counted.
        namespace: our own.
        cluster: name of this NFVI.
        policy: what closed records are kept.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        book: IncidentBook,
        ledger: Ledger,
        secrets: Callable[[], Mapping[str, Secret]],
        reporter: Callable[[], Reporter],
        present: Callable[[], Present],
        leading: Callable[[], bool],
        mark: Callable[[str, float], None],
        after: Callable[[float, Callable[[], None]], object],
        on_written: Callable[[str], None],
        on_learned: Callable[[Incident | None, Incident], None],
        emit: Callable[[JsonObject, EventType, str, str], None],
        clock: Clock,
        metrics: OperatorMetrics,
        namespace: str,
        cluster: str,
        policy: Policy,
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._secrets = secrets
        self._reporter = reporter
        self._present = present
        self._leading = leading
        self._mark = mark
        self._after = after
        self._on_learned = on_learned
        self._learned: set[str] = set()
        self._emit = emit
        self._metrics = metrics
        self._keys = SealKeys()
        self._keeper = SealKeeper(client, namespace, self._keys, now=clock.now)
        self.intake = Intake(
            self._keys,
            is_own=lambda incident, version: self.outbox.is_own(incident, version),
            on_record=self._on_record,
            on_gone=self._on_gone,
            on_refused=self._on_refused,
            on_stranger=lambda record: self.outbox.disown(record),
        )
        self.outbox = Outbox(
            client=client,
            book=book,
            ledger=ledger,
            keys=self._keys,
            clock=clock,
            namespace=namespace,
            cluster=cluster,
            read=self.intake.read,
            on_written=on_written,
            on_recorded=lambda incident, step: reporter().recorded(incident, step),
            again=mark,
        )
        self.retention = Retention(
            client,
            self.outbox,
            policy,
            present=present,
            leading=leading,
            clock=clock,
        )

    def changed(self, old: IncidentView | None, new: IncidentView | None) -> None:
        """An Incident changed; ``new`` is None when it was deleted."""
        if new is not None:
            self.intake.changed(new)
        elif old is not None:
            self.intake.gone(old)

    def secrets_changed(self) -> None:
        """A Secret of our namespace changed, perhaps the one with the keys."""
        secret = self._secrets().get(SECRET_NAME)
        if secret is not None and self._keys.replace(secret.data):
            log.info("keys of Incidents", extra={"keys": sorted(self._keys.all)})
            self.intake.keys_changed()
            if self._leading():
                self._reporter().resume()  # what could not be sealed is written now

    def take_over(self) -> None:
        """We lead now: what the last leader left half done is ours."""
        for incident in self.outbox.strangers():
            self._mark(incident, 0.0)

    async def keep_key(self) -> None:
        """See to it for ever that there is a key."""
        while True:
            if SECRET_NAME not in self._secrets():
                await self._led("incident-key", self._keeper.ensure)
            elif not self._keys.ready:
                log.error("no usable key of Incidents", extra={"object": SECRET_NAME})
                self._metrics.refused("Secret", "NoUsableKey")
            await asyncio.sleep(KEY_SECONDS)

    async def keep_few(self) -> None:
        """Delete for ever what is old and done with."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            self._forget_retired()
            await self._led("retention", self.retention.round)

    async def _led(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do something that only the leader does; an error is for the next time."""
        if not self._leading():
            return
        try:
            await work()
        except (KubeError, NotLeader) as error:
            self._metrics.work_error(name, error)
            log.warning("work is tried again", extra={"queue": name, "error": str(error)})

    def _on_record(self, record: IncidentRecord) -> None:
        before = self._book.get(record.incident.id)
        self.outbox.learn(record)
        self._reporter().learn(record)
        after = self._book.get(record.incident.id)
        if after is not None and after != before:
            self._on_learned(before, after)
        if self._leading() and not self.outbox.is_closed(record.incident.id):
            # Written by another leader, deleted by somebody, or not as we wrote it. Not now: others of the same
            # resource may follow, and their order is kept only by going on with all of them at once.
            self._learned.add(record.incident.id)
            if len(self._learned) == 1:
                self._after(LEARN_SECONDS, self._go_on)

    def _go_on(self) -> None:
        learned = self._learned.copy()
        self._learned.clear()
        if self._leading():
            self._reporter().resume(learned)

    def _on_gone(self, incident: str, uid: str) -> None:
        if not self.outbox.gone(incident, uid):
            return
        known = self._book.get(incident)
        if known is None:
            return
        if known.cleared and self._ledger.all_final(incident):
            self.outbox.retire(incident)
        else:
            self._mark(incident, KEY_SECONDS / 10)  # it is not over: the record is made again

    def _forget_retired(self) -> None:
        retired = self.outbox.retired()
        if not retired:
            return
        present = self._present()
        for incident in retired:
            known = self._book.get(incident)
            if known is not None:
                resource = known.fault.resource
                if present.has_name(resource) or present.has_incarnation(resource):
                    continue
            for store in (self.outbox, self._ledger, self._book):
                store.forget(incident)

    def _on_refused(self, record: IncidentRecord, refusal: Refusal, message: str) -> None:
        self._metrics.refused("Incident", refusal.value)
        name = f"{record.namespace}/{record.incident.id}"
        log.warning("refused", extra={"object": name, "reason": refusal.value, "detail": message})
        if self._leading():
            regarding = {
                "apiVersion": API_VERSION,
                "kind": "Incident",
                "namespace": record.namespace,
                "name": record.incident.id,
                "uid": record.uid,
            }
            self._emit(regarding, reasons.WARNING, reasons.REFUSED, f"{refusal.value}: {message}")
