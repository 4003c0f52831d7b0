"""What became of a notification at one endpoint."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class DeliveryState(StrEnum):
    """Delivered, Parked and Expired are final; Retrying says that the last attempt failed and another follows."""

    DELIVERED = "Delivered"
    RETRYING = "Retrying"
    PARKED = "Parked"
    EXPIRED = "Expired"


# Reasons of outcomes and of an endpoint's reachability. A refused status is "HTTP" and its number, e.g. HTTP503.
DELIVERED: Final = "Delivered"
CONNECT_FAILED: Final = "ConnectFailed"
CONNECTION_LOST: Final = "ConnectionLost"
TLS_FAILED: Final = "TLSFailed"
TIMEOUT: Final = "Timeout"
REDIRECT_NOT_FOLLOWED: Final = "RedirectNotFollowed"
DEADLINE_PASSED: Final = "DeadlinePassed"
ENDPOINT_REMOVED: Final = "EndpointRemoved"
QUEUE_FULL: Final = "QueueFull"
"""Not taken into memory: nothing was attempted, submit it again later. The Incident keeps it meanwhile."""
INTERNAL_ERROR: Final = "InternalError"
CONNECTED: Final = "Connected"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """One step in the delivery of one notification to one endpoint."""

    notification_id: str
    incident: str
    endpoint: str
    state: DeliveryState
    attempts: int
    """Requests sent so far by this process."""
    http_status: int | None
    """Of the last answer, None if there was none."""
    reason: str
    """A constant of this module, or "HTTP" and the status."""
    latency_ms: float | None
    """From the notification's ``time`` (detection, for a raise) to the answer; only if Delivered."""
    at: datetime
    """Wall clock, UTC."""


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """How one endpoint does, for its VIMEndpoint's status."""

    name: str
    reachable: bool | None
    """None until the first connection or answer."""
    reason: str
    since: datetime
    """When ``reachable`` became what it is, UTC."""
    pending: int
    """In memory and neither delivered, parked nor expired."""
    refused: int
    """Not taken because the memory was full, and not submitted again yet."""
    delivered: int
    """Notifications, as the following counts since this process knows the endpoint."""
    failed: int
    """Attempts."""
    parked: int
    """Notifications parked or expired."""
    last_error: str
    """Reason of the last failed attempt, "" after a delivery."""
    last_delivered_at: datetime | None
    last_latency_ms: float | None
