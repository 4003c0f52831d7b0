"""Incidents as API objects, and back: the record must hold all that was, or is to be, said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from nfvi_ha.api import incident as api
from nfvi_ha.api import names
from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.kind import ObjectMeta
from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.core.ids import resource_hash
from nfvi_ha.core.incident import STEP_CLEARED, STEP_RAISED, Incident, Step
from nfvi_ha.reporting.record.seal import NO_PROOF, Proof, spec_digest, status_digest

JsonObject = dict[str, Any]

FINAL_DELIVERIES: Final = frozenset({"Delivered", "Parked", "Expired"})


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """What became of one notification at one endpoint; its id's suffix is the step's number."""

    notification: str
    type: str
    endpoint: str
    state: str = "Pending"
    attempts: int = 0
    http_status: int | None = None
    at: datetime | None = None
    latency_ms: int | None = None
    reason: str = ""

    @property
    def final(self) -> bool:
        """Whether nothing is left to try."""
        return self.state in FINAL_DELIVERIES


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """An Incident as read from the API, in the words of ``core``."""

    incident: Incident
    deliveries: tuple[DeliveryNote, ...]
    namespace: str
    resource_version: str
    closed: bool
    uid: str = ""
    finalizers: tuple[str, ...] = ()
    created_at: datetime | None = None
    deleting: bool = False
    closed_at: datetime | None = None
    proof: Proof = NO_PROOF
    released_by: str = ""
    """Who takes it on his name that recovery goes on (of a mass failure); whoever may annotate Incidents here may."""

    def without_status(self) -> "IncidentRecord":
        """As it was before anything was noted in it: what its status says is not ours."""
        fault = replace(self.incident.fault, evidence=None)
        incident = replace(self.incident, fault=fault, steps=self.incident.steps[:1], evidence=())
        proof = replace(self.proof, status_seal="", status_digest=b"")
        return replace(self, incident=incident, deliveries=(), closed=False, closed_at=None, proof=proof)


def namespace_of(incident: Incident, operator_namespace: str) -> str:
    """Where its record lives: with its resource, so that tenants see theirs."""
    return incident.fault.resource.namespace or operator_namespace


def new_object(incident: Incident, namespace: str, cluster: str) -> JsonObject:
    """The object to create, unsealed (its status is written after)."""
    fault = incident.fault
    spec = api.IncidentSpec(
        fault=api.IncidentFault(
            kind=fault.kind.value,
            cause=fault.cause[:63],
            message=fault.message[:1024],
            severity=_severity(fault.severity),
            confidence=fault.confidence.value,
            detected_at=fault.detected_at,
            occurred_at=fault.occurred_at,
        ),
        resource=api.IncidentResource(
            kind=fault.resource.kind,
            namespace=fault.resource.namespace,
            name=fault.resource.name,
            uid=fault.resource.uid,
        ),
        node=fault.node,
        vnf=fault.vnf,
        slot=fault.slot,
        episode=incident.episode,
        sequence_base=incident.sequence_base,
        cluster=cluster,
        parent=fault.parent,
    )
    return {
        "apiVersion": names.API_VERSION,
        "kind": "Incident",
        "metadata": {
            "name": incident.id,
            "namespace": namespace,
            "labels": {
                names.LABEL_KIND: fault.kind.value,
                names.LABEL_RESOURCE: resource_hash(fault.resource),
            },
            "finalizers": [names.FINALIZER_UNDELIVERED],
        },
        "spec": spec.to_json(),
    }


def status_of(incident: Incident, deliveries: Iterable[DeliveryNote]) -> api.IncidentStatus:
    """The whole status, from what is known now."""
    notes = tuple(_delivery(note) for note in deliveries)
    cleared = next((step for step in incident.steps if step.name == STEP_CLEARED), None)
    done = cleared is not None and all(note.state in FINAL_DELIVERIES for note in notes)
    recovering = any(step.name not in {STEP_RAISED, STEP_CLEARED} for step in incident.steps)
    stamps = [note.time for note in notes if note.time] + ([cleared.at] if cleared else [])
    return api.IncidentStatus(
        phase="Closed" if done else "Cleared" if cleared else "Recovering" if recovering else "Open",
        actions=tuple(_action(step) for step in incident.steps if step.name != STEP_RAISED),
        deliveries=notes,
        delivered=api.delivered_summary(notes),
        evidence=tuple(
            api.EvidenceRecord(kind=e.kind.value, source=e.source, detail=e.detail[:1024], seen_at=e.seen_at)
            for e in incident.evidence
        ),
        cleared_at=cleared.at if cleared else None,
        closed_at=max(stamps) if done else None,
    )


def read_record(obj: JsonObject) -> IncidentRecord | None:
    """An Incident object as a record; None for one that is not ours to read (bad input harms nothing else)."""
    try:
        model = api.parse(obj)
    except InvalidObject:
        return None
    status = model.status or api.IncidentStatus()
    evidence = tuple(Evidence(EvidenceKind(e.kind), e.source, e.detail, e.seen_at) for e in status.evidence)
    fault = _fault(model.spec, evidence)
    steps = (
        Step(STEP_RAISED, fault.detected_at, sequence=model.spec.sequence_base),
        *(_step(action) for action in status.actions),
    )
    incident = Incident(model.metadata.name, fault, model.spec.episode, model.spec.sequence_base, steps, evidence)
    meta = model.metadata
    return IncidentRecord(
        incident,
        tuple(_note(delivery) for delivery in status.deliveries),
        meta.namespace,
        meta.resource_version,
        closed=status.phase == "Closed",
        uid=meta.uid,
        finalizers=meta.finalizers,
        created_at=meta.creation_timestamp,
        deleting=meta.deletion_timestamp is not None,
        closed_at=status.closed_at,
        proof=_proof(obj, meta, status.seal),
        released_by=_name_of(meta.annotations.get(names.ANNOTATION_RELEASE, "")),
    )


def _name_of(text: str) -> str:
    """A person's name in one line; it becomes part of messages."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:63]


def _proof(obj: JsonObject, meta: ObjectMeta, status_seal: str) -> Proof:
    # From the object as it is stored: a later release reads more fields, and the seals must still be good.
    spec = spec_digest(meta.namespace, meta.name, obj.get("spec"))
    status = obj.get("status")
    digest = status_digest(meta.uid, spec, status) if isinstance(status, dict) and status else b""
    return Proof(meta.annotations.get(names.ANNOTATION_HMAC, ""), spec, status_seal, digest)


def _fault(spec: api.IncidentSpec, evidence: tuple[Evidence, ...]) -> Fault:
    # What was raised with high confidence was raised with its evidence: the first on record.
    sure = spec.fault.confidence == Confidence.HIGH.value and bool(evidence)
    return Fault(
        kind=FaultKind(spec.fault.kind),
        resource=ResourceRef(spec.resource.kind, spec.resource.namespace, spec.resource.name, spec.resource.uid),
        cause=spec.fault.cause,
        message=spec.fault.message,
        severity=Severity(spec.fault.severity),
        confidence=Confidence(spec.fault.confidence),
        detected_at=spec.fault.detected_at,
        occurred_at=spec.fault.occurred_at,
        node=spec.node,
        vnf=spec.vnf,
        slot=spec.slot,
        evidence=evidence[0] if sure else None,
        parent=spec.parent,
    )


def _action(step: Step) -> api.Action:
    return api.Action.model_validate(
        {
            "step": step.number,
            "sequence": step.sequence,
            "name": step.name,
            "time": step.at,
            "outcome": step.outcome or "Succeeded",
            "message": step.message[:1024],
            "oldVM": step.old_vm,
            "newVM": step.new_vm,
            "durationMilliseconds": step.duration_ms,
        }
    )


def _step(action: api.Action) -> Step:
    return Step(
        name=action.name,
        at=action.time,
        number=action.step,
        sequence=action.sequence,
        outcome="" if action.name == STEP_CLEARED else action.outcome,
        message=action.message,
        old_vm=action.old_vm,
        new_vm=action.new_vm,
        duration_ms=action.duration_milliseconds,
    )


def _delivery(note: DeliveryNote) -> api.Delivery:
    return api.Delivery.model_validate(
        {
            "notification": note.notification,
            "type": note.type,
            "endpoint": note.endpoint,
            "state": note.state,
            "attempts": note.attempts,
            "httpStatus": note.http_status,
            "time": note.at,
            "latencyMilliseconds": note.latency_ms,
            "reason": note.reason[:1024],
        }
    )


def _note(delivery: api.Delivery) -> DeliveryNote:
    return DeliveryNote(
        notification=delivery.notification,
        type=delivery.type,
        endpoint=delivery.endpoint,
        state=delivery.state,
        attempts=delivery.attempts,
        http_status=delivery.http_status,
        at=delivery.time,
        latency_ms=delivery.latency_milliseconds,
        reason=delivery.reason,
    )


_SEVERITIES: Final[Mapping[Severity, api.Severity]] = {
    Severity.CRITICAL: "critical",
    Severity.MAJOR: "major",
    Severity.MINOR: "minor",
    Severity.WARNING: "warning",
}


def _severity(severity: Severity) -> api.Severity:
    return _SEVERITIES[severity]
