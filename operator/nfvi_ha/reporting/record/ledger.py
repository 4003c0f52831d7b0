"""What became of every notification at every endpoint: by our own doing, or by the record's word."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome
from nfvi_ha.reporting.record.incident_record import DeliveryNote

PENDING: Final = "Pending"
_Key = tuple[str, str]
"""Notification and endpoint."""


class Ledger:
    """Delivery notes by incident. What was final once stays final, whoever says otherwise later."""

    def __init__(self) -> None:
        self._notes: dict[str, dict[_Key, DeliveryNote]] = {}
        self._attempts: dict[_Key, int] = {}
        """Attempts that this process was told of, where more may follow: outcomes count from its start."""

    def expect(self, notification: Notification, endpoints: Iterable[str]) -> None:
        """These endpoints are to get it."""
        notes = self._notes.setdefault(notification.incident, {})
        for endpoint in endpoints:
            key = (notification.id, endpoint)
            notes.setdefault(key, DeliveryNote(notification.id, notification.type.value, endpoint))

    def outcome(self, outcome: DeliveryOutcome) -> bool:
        """Note an attempt's outcome; whether it says anything new."""
        key = (outcome.notification_id, outcome.endpoint)
        notes = self._notes.get(outcome.incident, {})
        known = notes.get(key)
        if known is None or known.final:
            return False
        told = self._attempts.pop(key, 0)
        noted = replace(
            known,
            state=outcome.state.value,
            # Fewer than we were told of: the endpoint was removed and came again, and counts anew.
            attempts=known.attempts + outcome.attempts - (told if outcome.attempts >= told else 0),
            http_status=outcome.http_status,
            at=outcome.at,
            latency_ms=None if outcome.latency_ms is None else round(outcome.latency_ms),
            reason=outcome.reason,
        )
        notes[key] = noted
        if not noted.final:
            self._attempts[key] = outcome.attempts
        return True

    def settle(self, incident: str, notification: str, endpoint: str, state: str, reason: str, at: datetime) -> None:
        """Give one up that nobody can deliver any more."""
        notes = self._notes.get(incident, {})
        known = notes.get((notification, endpoint))
        if known is not None and not known.final:
            notes[notification, endpoint] = replace(known, state=state, reason=reason, at=at)

    def reopen(self, incident: str, notification: str, endpoint: str) -> None:
        """It is to be delivered after all: the endpoint that was removed is there again."""
        notes = self._notes.get(incident, {})
        known = notes.get((notification, endpoint))
        if known is not None:
            notes[notification, endpoint] = replace(known, state=PENDING, reason="", at=None, http_status=None)

    def learn(self, incident: str, deliveries: Iterable[DeliveryNote]) -> None:
        """Take in what the record says; it wins only where it is final and ours is not."""
        notes = self._notes.setdefault(incident, {})
        for note in deliveries:
            known = notes.get((note.notification, note.endpoint))
            if known is None or (note.final and not known.final):
                notes[note.notification, note.endpoint] = note

    def of(self, incident: str) -> tuple[DeliveryNote, ...]:
        """All notes of an incident, in the order of its steps, then by endpoint."""
        notes = self._notes.get(incident, {}).values()
        return tuple(sorted(notes, key=lambda note: (step_number(note.notification), note.endpoint)))

    def about(self, notification: str, incident: str) -> dict[str, DeliveryNote]:
        """The notes on one notification, by endpoint; empty when none was ever made."""
        notes = self._notes.get(incident, {}).values()
        return {note.endpoint: note for note in notes if note.notification == notification}

    def all_final(self, incident: str) -> bool:
        """Whether nothing that is noted of an incident is left to try."""
        return all(note.final for note in self._notes.get(incident, {}).values())

    def all_tried(self, incident: str) -> bool:
        """Whether everything that is noted of an incident was tried, or given up, at least once."""
        return all(note.state != PENDING for note in self._notes.get(incident, {}).values())

    def forget(self, incident: str) -> None:
        """Drop an incident whose record is gone."""
        for key in self._notes.pop(incident, {}):
            self._attempts.pop(key, None)


def step_number(notification: str) -> int:
    """The step a notification id ends with."""
    tail = notification.rpartition(".")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0
