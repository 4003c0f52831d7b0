"""An incident: the durable record of one fault, of what was done about it and of its end (H3).

Everything that is ever sent to a VIM is a step of an incident, so whoever holds the record can say it again after a
crash with the same id: step 0 raises, then actions in order, and a last step clears.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import Evidence, Fault

STEP_RAISED: Final = "raised"
STEP_CLEARED: Final = "cleared"


class ActionName(StrEnum):
    """Recovery steps that are recorded and notified. The value is the notification's type."""

    REPLACEMENT_CREATED = "recovery.replacement.created"
    REPLACEMENT_RUNNING = "recovery.replacement.running"
    HELD = "recovery.held"
    ABANDONED = "recovery.abandoned"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to tell: its number in the incident, its name, and the facts that go with it."""

    name: str
    at: datetime
    number: int = 0
    sequence: int = 0
    """Its place among all notifications of the resource; 0 when the record does not hold it."""
    outcome: str = ""
    """Succeeded, Failed, Held or "" where none fits."""
    message: str = ""
    old_vm: str = ""
    new_vm: str = ""
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault's record. ``sequence_base`` places its notifications among those of the same resource."""

    id: str
    fault: Fault
    episode: int
    sequence_base: int
    steps: tuple[Step, ...]
    evidence: tuple[Evidence, ...] = field(default=())

    @property
    def cleared(self) -> bool:
        """Whether its last word was said."""
        return any(step.name == STEP_CLEARED for step in self.steps)

    def sequence(self, step: Step) -> int:
        """The step's place among all notifications of the resource.

        A record that does not hold it lets one assume that no other incident of the resource came between.
        """
        return step.sequence or self.sequence_base + step.number

    def has(self, name: str, *, new_vm: str = "") -> bool:
        """Whether such a step is there (for the same new VM, if one is named)."""
        return any(step.name == name and (not new_vm or step.new_vm == new_vm) for step in self.steps)

    def with_step(self, step: Step) -> "Incident":
        """The incident with one step more."""
        return replace(self, steps=(*self.steps, step))
