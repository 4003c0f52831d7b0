"""What became of every notification at every endpoint: by our own doing, or by the record's word."""

from collections.abc import Iterable
from dataclasses import replace

from nfvi_ha.operator.incident_record import DeliveryNote
from nfvi_ha.reporting.notification import Notification
from nfvi_ha.reporting.outcome import DeliveryOutcome


class Ledger:
    """Delivery notes by incident. What was final once stays final, whoever says otherwise later."""

    def __init__(self) -> None:
        self._notes: dict[str, dict[tuple[str, str], DeliveryNote]] = {}

    def expect(self, notification: Notification, endpoints: Iterable[str]) -> None:
        """These endpoints are to get it."""
        notes = self._notes.setdefault(notification.incident, {})
        for endpoint in endpoints:
            key = (notification.id, endpoint)
            notes.setdefault(key, DeliveryNote(notification.id, notification.type.value, endpoint))

    def outcome(self, outcome: DeliveryOutcome) -> None:
        """Note an attempt's outcome."""
        notes = self._notes.setdefault(outcome.incident, {})
        key = (outcome.notification_id, outcome.endpoint)
        known = notes.get(key)
        if known is None or known.final:
            return
        notes[key] = replace(
            known,
            state=outcome.state.value,
            attempts=known.attempts + 1 if outcome.attempts else known.attempts,
            http_status=outcome.http_status,
            at=outcome.at,
            latency_ms=None if outcome.latency_ms is None else round(outcome.latency_ms),
            reason=outcome.reason,
        )

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

    def settled(self, notification: str, incident: str) -> frozenset[str]:
        """Endpoints at which nothing is left to try for a notification."""
        notes = self._notes.get(incident, {}).values()
        return frozenset(note.endpoint for note in notes if note.notification == notification and note.final)

    def endpoints(self, notification: str, incident: str) -> frozenset[str]:
        """Endpoints that are on record for a notification; empty when none was ever written down."""
        notes = self._notes.get(incident, {}).values()
        return frozenset(note.endpoint for note in notes if note.notification == notification)

    def forget(self, incident: str) -> None:
        """Drop an incident whose record is gone."""
        self._notes.pop(incident, None)


def step_number(notification: str) -> int:
    """The step a notification id ends with."""
    tail = notification.rpartition(".")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0
