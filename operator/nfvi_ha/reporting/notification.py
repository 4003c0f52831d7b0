"""The one notification model: what a VIM is told, whatever the format it is told in."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, model_validator
from pydantic.alias_generators import to_camel

from nfvi_ha.api.stamp import format_stamp
from nfvi_ha.core.fault import Confidence, EvidenceKind, Fault, FaultKind, Severity
from nfvi_ha.core.ids import notification_id
from nfvi_ha.reporting.catalogue import CATALOGUE, NotificationType, State, cleared_type, raised_type

SCHEMA_ID: Final = "urn:nfvi-ha:notification:v1"
"""The CloudEvents ``dataschema``, and the ``$id`` of docs/reference/notification.schema.json."""

MAX_TEXT: Final = 1024
"""Longest free text, in characters. Longer ones (they come from objects of others) are cut, not refused."""


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


Stamp = Annotated[AwareDatetime, PlainSerializer(format_stamp, return_type=str, when_used="json")]


class _Part(BaseModel):
    # Receivers ignore what they do not know: v1 may gain fields, it never loses or changes one.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Resource(_Part):
    """The resource that the incident is about."""

    kind: str = Field(
        description="VirtualMachineInstance, VNFReplicaSet, Hypervisor, HypervisorComponent, Sentinel, OperatorReplica "
        "or NFVI."
    )
    namespace: str = Field(description="Empty for cluster-scoped kinds.")
    name: str = Field(description="Of a HypervisorComponent <node>/<component>, like worker-1/process/kubelet.")
    uid: str = Field(
        description="The incarnation: a VM that replaces another has another one, a hypervisor's is its boot id."
    )
    node: str = Field(default="", description="The hypervisor it was on, empty if none or unknown.")
    vnf: str = Field(default="", description="Name of the owning VNFReplicaSet, empty if it has none.")
    slot: int | None = Field(default=None, ge=0, description="The VNF slot that the VM filled.")

    @property
    def key(self) -> tuple[str, str, str]:
        """What order is kept by: kind, namespace, name."""
        return (self.kind, self.namespace, self.name)


class EvidenceNote(_Part):
    """Why the old VM can no longer write."""

    kind: EvidenceKind
    source: str = Field(description="Who said so, e.g. virt-handler@worker-1.")
    detail: str
    seen_at: Stamp


ActionOutcome = Literal["Started", "Succeeded", "Failed", "Held", "GivenUp"]


class Action(_Part):
    """One recovery step that was taken, or not taken."""

    name: NotificationType
    outcome: ActionOutcome
    old_vm: str = Field(default="", alias="oldVM", description="Name of the VM that failed.")
    new_vm: str = Field(default="", alias="newVM", description="Name of its replacement.")
    duration_ms: int | None = Field(
        default=None,
        ge=0,
        alias="durationMilliseconds",
        description="From detectedAt to the end of the step, milliseconds.",
    )
    detail: str = Field(default="", max_length=MAX_TEXT, description="A reason in words.")


class Notification(_Part):
    """One message about one incident: raised, an action, or cleared.

    Two observers of one fault, or one observer before and after a crash, make the same ``id``; receivers drop doubles.
    ``sequence`` counts up per resource: first arrivals come in order, a late double has a lower one.
    """

    schema_version: Literal["v1"] = "v1"
    id: str = Field(min_length=1, max_length=80, description="<incident>.<step>; the same for every double.")
    type: NotificationType
    state: State
    kind: FaultKind = Field(description="The fault that the incident is about, the same in all of its messages.")
    severity: Severity = Field(description='Of this message; "cleared" once the fault is.')
    fault_severity: Severity = Field(
        description="Of the fault as raised; filters use it, so a clear follows its raise."
    )
    resource: Resource
    incident: str = Field(min_length=1, max_length=63, description="Id of the incident and name of its object.")
    episode: int = Field(ge=0, description="Counts the times that a fault of this kind was seen on this resource.")
    sequence: int = Field(ge=0, le=2**31 - 1, description="Order per resource.")
    time: Stamp = Field(description="When this message became true: detectedAt if raised, else the end of the step.")
    detected_at: Stamp = Field(description="When the fault was seen.")
    occurred_at: Stamp | None = Field(
        default=None,
        description="When it happened by the failed component's own stamp (whole seconds), if it left one.",
    )
    cause: str = Field(max_length=128, description="A constant CamelCase reason, e.g. QemuCrashed.")
    message: str = Field(max_length=MAX_TEXT, description="For people.")
    confidence: Confidence
    evidence: EvidenceNote | None = None
    action: Action | None = Field(default=None, description="Only if state is action.")
    cluster: str = Field(min_length=1, description="The NFVI that it happened in.")
    source: str = Field(description="Our component that sent it; doubles may differ in it.")
    parent: str | None = Field(default=None, description="Incident that caused this one.")

    @model_validator(mode="after")
    def _state_belongs_to_type(self) -> Self:
        info = CATALOGUE[self.type]
        if info.state is not self.state or info.kind not in (None, self.kind):
            raise ValueError(
                f"type {self.type} is {info.state} of {info.kind or 'any fault'}, not {self.state} of {self.kind}"
            )
        if (self.action is not None) != (self.state is State.ACTION):
            raise ValueError(
                f"a notification in state {self.state} must {'' if self.action is None else 'not '}have an action"
            )
        return self

    @classmethod
    def from_fault(
        cls,
        fault: Fault,
        *,
        incident: str,
        episode: int,
        sequence: int,
        cluster: str,
        source: str,
    ) -> Self:
        """The message that raises a fault (step 0 of its incident)."""
        evidence = fault.evidence
        return cls(
            id=notification_id(incident, 0),
            type=raised_type(fault.kind),
            state=State.RAISED,
            kind=fault.kind,
            severity=fault.severity,
            fault_severity=fault.severity,
            resource=_resource(fault),
            incident=incident,
            episode=episode,
            sequence=sequence,
            time=fault.detected_at,
            detected_at=fault.detected_at,
            occurred_at=fault.occurred_at,
            cause=fault.cause[:128],
            message=_cut(fault.message),
            confidence=fault.confidence,
            evidence=evidence
            and EvidenceNote(
                kind=evidence.kind, source=evidence.source, detail=_cut(evidence.detail), seen_at=evidence.seen_at
            ),
            cluster=cluster,
            source=source,
            parent=fault.parent or None,
        )

    def acted(self, step: int, action: Action, *, sequence: int, at: datetime, message: str) -> Self:
        """The message about one recovery step of this notification's incident.

        Args:
            step: 1.. in the order of the incident's messages; it makes the id.
            action: What was done; its ``name`` is the type.
            sequence: The next of the resource.
            at: End of the step, UTC.
            message: For people.
        """
        return self._follow(step, action.name, State.ACTION, self.fault_severity, sequence, at, message, action)

    def cleared(self, step: int, *, sequence: int, at: datetime, message: str) -> Self:
        """The message that clears this notification's fault; ``step`` as in ``acted``."""
        kind = cleared_type(self.kind)
        return self._follow(step, kind, State.CLEARED, Severity.CLEARED, sequence, at, message, None)

    def _follow(
        self,
        step: int,
        type_: NotificationType,
        state: State,
        severity: Severity,
        sequence: int,
        at: datetime,
        message: str,
        action: Action | None,
    ) -> Self:
        if step < 1:
            raise ValueError(f"step {step} of incident {self.incident}: only the raise has step 0")
        changed = {
            "id": notification_id(self.incident, step),
            "type": type_,
            "state": state,
            "severity": severity,
            "sequence": sequence,
            "time": at,
            "message": _cut(message),
            "action": action,
        }
        return type(self).model_validate({**dict(self), **changed})


def step_action(
    name: NotificationType,
    outcome: ActionOutcome,
    *,
    old_vm: str = "",
    new_vm: str = "",
    duration_ms: int | None = None,
    detail: str = "",
) -> Action:
    """An ``Action`` whose detail (a reason, often of others) is cut to what fits.

    Raises:
        ValueError: ``name`` is not the type of an action.
    """
    if CATALOGUE[name].state is not State.ACTION:
        raise ValueError(f"{name} is not an action")
    return Action(
        name=name, outcome=outcome, old_vm=old_vm, new_vm=new_vm, duration_ms=duration_ms, detail=_cut(detail)
    )


def _resource(fault: Fault) -> Resource:
    ref = fault.resource
    return Resource(
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        uid=ref.uid,
        node=fault.node,
        vnf=fault.vnf,
        slot=fault.slot,
    )
