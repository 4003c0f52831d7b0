"""Incidents as they come from the API: only those that carry our seal are believed (DESIGN section 5).

Whoever may write Incidents could otherwise have anything sent to the VIM in our name, keep a true notification from
being sent by writing "Delivered" beside it, or have a VM replaced by inventing evidence.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from nfvi_ha.reporting.record.incident_record import IncidentRecord, read_record
from nfvi_ha.reporting.record.seal import SealKeys

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

LATE_SECONDS: Final = 3600.0
"""A record is made moments after its fault was seen. One that is far younger than its fault was put there again."""


class Refusal(StrEnum):
    """Why an Incident, or its status, is not believed."""

    NO_SEAL = "NoSeal"
    SEAL_INVALID = "SealInvalid"
    REPLAYED = "Replayed"
    STATUS_SEAL_INVALID = "StatusSealInvalid"


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An Incident in the informer's store. ``record`` is None where there is nothing to learn from it."""

    namespace: str
    name: str
    uid: str
    version: str
    record: IncidentRecord | None = field(default=None, compare=False)


class Intake:
    """Judges every record that is read, and hands on what is ours.

    Args:
        keys: what seals are checked against.
        is_own: whether a version (incident, resourceVersion) of a record is one that we wrote or read already.
        on_record: takes a record that is ours.
        on_gone: told of a deletion, by incident and uid.
        on_refused: told once of each object that is not believed, with the reason and a message for people.
        on_stranger: takes every record that is not ours, each time.
    """

    def __init__(
        self,
        keys: SealKeys,
        *,
        is_own: Callable[[str, str], bool],
        on_record: Callable[[IncidentRecord], None],
        on_gone: Callable[[str, str], None],
        on_refused: Callable[[IncidentRecord, Refusal, str], None],
        on_stranger: Callable[[IncidentRecord], None],
    ) -> None:
        self._keys = keys
        self._is_own = is_own
        self._on_record = on_record
        self._on_gone = on_gone
        self._on_refused = on_refused
        self._on_stranger = on_stranger
        self._unjudged: dict[str, IncidentRecord] = {}
        """By uid: no key was known when they came."""
        self._refused: dict[str, tuple[Refusal, IncidentRecord]] = {}

    def view(self, obj: JsonObject) -> IncidentView | None:
        """Parse an object of the watch; cheaply if it is the echo of our own write."""
        metadata = obj.get("metadata") or {}
        found = [metadata.get(key) for key in ("namespace", "name", "uid", "resourceVersion")]
        namespace, name, uid, version = (value if isinstance(value, str) else "" for value in found)
        if uid in self._refused or not self._is_own(name, version):
            record = read_record(obj)
            return None if record is None else IncidentView(namespace, name, uid, version, record)
        return IncidentView(namespace, name, uid, version)

    def changed(self, view: IncidentView) -> None:
        """An Incident came or changed."""
        if view.record is None:
            return
        if not self._keys.ready:
            self._unjudged[view.uid] = view.record
            return
        believed = self._judged(view.record)
        if believed is not None:
            self._on_record(believed)

    def gone(self, view: IncidentView) -> None:
        """An Incident was deleted."""
        self._unjudged.pop(view.uid, None)
        self._refused.pop(view.uid, None)
        self._on_gone(view.name, view.uid)

    def read(self, obj: JsonObject) -> IncidentRecord | None:
        """A record that was read by itself, as far as it is ours."""
        record = read_record(obj)
        return None if record is None else self._judged(record)

    def keys_changed(self) -> None:
        """Other keys are accepted now: judge anew what waited for one, and what was refused for want of one."""
        again = [*self._unjudged.values(), *(record for _, record in self._refused.values())]
        self._unjudged.clear()
        for record in again:
            believed = self._judged(record)
            if believed is not None:
                self._on_record(believed)

    def _judged(self, record: IncidentRecord) -> IncidentRecord | None:
        """The record, or it without a status that is not ours; None if it is no record of ours."""
        refusal, message = self._doubt(record)
        if refusal is None:
            self._refused.pop(record.uid, None)
            return record
        told = self._refused.get(record.uid)
        self._refused[record.uid] = (refusal, record)
        if told is None or told[0] is not refusal:
            self._on_refused(record, refusal, message)
        if refusal is Refusal.STATUS_SEAL_INVALID:
            return record.without_status()
        self._on_stranger(record)
        return None

    def _doubt(self, record: IncidentRecord) -> tuple[Refusal | None, str]:
        proof = record.proof
        if not proof.spec_seal:
            return Refusal.NO_SEAL, "it has no seal of ours; nothing of it is believed or sent"
        if not self._keys.verify(proof.spec_seal, proof.spec_digest):
            return Refusal.SEAL_INVALID, "its seal is not over this spec, or by no key of ours; nothing of it is sent"
        if proof.status_digest and self._keys.verify(proof.status_seal, proof.status_digest):
            return None, ""
        late = timedelta(seconds=LATE_SECONDS)
        if record.created_at is not None and record.created_at - record.incident.fault.detected_at > late:
            return Refusal.REPLAYED, "it is far younger than its fault: an old record that was put there again"
        if proof.status_digest:
            return Refusal.STATUS_SEAL_INVALID, "its status is not as we wrote it; what it is owed is sent again"
        return None, ""
