"""Conditions in the metav1 shape, and the words they use: types and reasons."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from nfvi_ha.api.model import ApiModel, BigCount
from nfvi_ha.api.stamp import Stamp

AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
DEGRADED: Final = "Degraded"
PAUSED: Final = "Paused"
ACCEPTED: Final = "Accepted"
REACHABLE: Final = "Reachable"
OVERLAPPING: Final = "Overlapping"
LEADING: Final = "Leading"

# Reasons of Accepted=True; those of Accepted=False are in ``nfvi_ha.api.errors``.
VALID: Final = "Valid"
# Available
REPLICAS_READY: Final = "ReplicasReady"
REPLICAS_MISSING: Final = "ReplicasMissing"
# Progressing
STEADY: Final = "Steady"
SCALING: Final = "Scaling"
UPDATING: Final = "Updating"
RECOVERING: Final = "Recovering"
DEADLINE_EXCEEDED: Final = "ProgressDeadlineExceeded"
# Degraded
HEALTHY: Final = "Healthy"
SLOTS_FAILED: Final = "SlotsFailed"
SLOTS_HELD: Final = "SlotsHeld"
SLOTS_QUARANTINED: Final = "SlotsQuarantined"
# Paused
PAUSED_BY_SPEC: Final = "PausedBySpec"
NOT_PAUSED: Final = "NotPaused"
# Reachable
DELIVERED: Final = "Delivered"
DELIVERY_FAILED: Final = "DeliveryFailed"
NOTHING_SENT: Final = "NothingSent"
# Overlapping
LOST_TO_ANOTHER: Final = "LostToAnother"
ALONE: Final = "Alone"
# Leading
FIRST_IN_ORDER: Final = "FirstInOrder"
BEHIND_ANOTHER: Final = "BehindAnother"


class Condition(ApiModel):
    """One aspect of an object's state, as metav1.Condition."""

    type: Annotated[str, Field(max_length=316, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$")]
    """What the condition is about, in CamelCase."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    """Why, as a constant CamelCase word."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, for people."""
    last_transition_time: Stamp
    """When the status last changed."""
    observed_generation: BigCount | None = None
    """Generation of the object that the condition was judged from."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of that type, or None."""
    return next((condition for condition in conditions if condition.type == type_), None)


def with_condition(
    conditions: Iterable[Condition],
    type_: str,
    *,
    holds: bool | None,
    reason: str,
    message: str = "",
    generation: int | None = None,
    now: datetime,
) -> tuple[Condition, ...]:
    """The conditions with one of them set (``holds`` None is Unknown).

    The position is kept, and ``lastTransitionTime`` moves only when the status changes.
    """
    kept = tuple(conditions)
    old = find_condition(kept, type_)
    status: Literal["True", "False", "Unknown"] = "Unknown" if holds is None else "True" if holds else "False"
    new = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == status else now,
    )
    if old is None:
        return (*kept, new)
    return tuple(new if condition is old else condition for condition in kept)
