"""What is said of each step of an incident: the same record always gives the same words and the same id."""

from typing import Final, Literal, cast

from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step
from nfvi_ha.reporting.catalogue import NotificationType
from nfvi_ha.reporting.notification import Notification, step_action

Outcome = Literal["Started", "Succeeded", "Failed", "Held", "GivenUp"]
CLEARED_MESSAGE: Final = "the fault is over"


def notification_for(incident: Incident, step: Step, *, cluster: str, source: str) -> Notification:
    """The notification of one step."""
    raised = Notification.from_fault(
        incident.fault,
        incident=incident.id,
        episode=incident.episode,
        sequence=incident.sequence_base,
        cluster=cluster,
        source=source,
    )
    sequence = incident.sequence(step)
    if step.name == STEP_RAISED:
        return raised
    if step.name == STEP_CLEARED:
        return raised.cleared(step.number, sequence=sequence, at=step.at, message=step.message or CLEARED_MESSAGE)
    action = step_action(
        NotificationType(step.name),
        cast("Outcome", step.outcome or "Succeeded"),
        old_vm=step.old_vm,
        new_vm=step.new_vm,
        duration_ms=step.duration_ms,
        detail=step.message,
    )
    return raised.acted(step.number, action, sequence=sequence, at=step.at, message=step.message or step.name)
