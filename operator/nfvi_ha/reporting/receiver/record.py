"""What the receiver keeps of one request."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(slots=True)
class Record:
    """One request with a body, whether it was answered or not."""

    index: int
    """1.. in the order of arrival."""
    received_monotonic_ns: int
    """CLOCK_MONOTONIC when the body was complete: comparable between processes of one machine."""
    received_at: float
    """Wall clock, seconds since 1970."""
    headers: dict[str, str] = field(repr=False)
    event: dict[str, Any] = field(repr=False)
    """The CloudEvent; {} if the body is none."""
    verified: bool
    refusal: str
    """Why the signature or the body was refused, "" if it was not."""
    arrival: int
    """How many times this id arrived, this time included."""
    duplicate: bool
    """It was accepted before."""
    out_of_order: bool
    """First arrival of its id, with a lower sequence than an earlier one of its subject."""
    detected_ms: float | None
    """From the event's ``time`` (detection, for a raise) until here, by the wall clock."""
    status: int | None = None
    """What it was answered; None as long as, or if, it was not."""

    @property
    def id(self) -> str:
        """The event's id, "" if the body is no event."""
        return str(self.event.get("id", ""))

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event.get("type", ""))

    @property
    def subject(self) -> str:
        """The event's subject, e.g. VirtualMachineInstance/tenant-a/web-0-1."""
        return str(self.event.get("subject", ""))

    @property
    def data(self) -> dict[str, Any]:
        """The notification."""
        data = self.event.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def accepted(self) -> bool:
        """Answered with 2xx."""
        return self.status is not None and 200 <= self.status < 300

    def as_json(self, injected_ms: float | None) -> dict[str, Any]:
        """As a JSON object; the one shape of ``-o json``, of the file and of ``/_records``."""
        return {
            "index": self.index,
            "id": self.id,
            "type": self.type,
            "subject": self.subject,
            "receivedAt": datetime.fromtimestamp(self.received_at, UTC).isoformat(timespec="milliseconds"),
            "receivedMonotonicNs": self.received_monotonic_ns,
            "detectedMs": self.detected_ms,
            "injectedMs": injected_ms,
            "verified": self.verified,
            "refusal": self.refusal,
            "arrival": self.arrival,
            "duplicate": self.duplicate,
            "outOfOrder": self.out_of_order,
            "status": self.status,
            "headers": self.headers,
            "event": self.event,
        }
