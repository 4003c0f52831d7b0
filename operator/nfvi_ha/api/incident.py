"""Incident: the durable record of one fault, its notifications and its recovery."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nfvi_ha.api.kind import Column, KindInfo, KubeObject
from nfvi_ha.api.model import ApiModel, BigCount, Count, Name, Text, Word
from nfvi_ha.api.stamp import Stamp

# The same words as in nfvi_ha.core.fault, which stands above this layer; a test holds them together.
FaultKind = Literal[
    "vm.failed",
    "vm.unready",
    "vm.paused",
    "vnf.replicas.below",
    "vm.stuck",
    "hypervisor.failed",
    "hypervisor.unreachable",
    "hypervisor.network.failed",
    "agent.lost",
    "agent.faults.overflow",
    "nfvi.mass.failure",
    "ha.redundancy.lost",
    "process.failed",
    "process.hung",
    "process.flapping",
    "link.down",
    "storage.path.degraded",
    "storage.path.failed",
    "storage.path.failover.slow",
    "hardware.failed",
    "hardware.degraded",
]
Severity = Literal["critical", "major", "minor", "warning"]
Confidence = Literal["high", "low"]
EvidenceKind = Literal["ProcessGone", "NeverStarted"]

DeliveryState = Literal["Pending", "Delivered", "Retrying", "Parked", "Expired"]
ActionOutcome = Literal["Started", "Succeeded", "Failed", "Held", "GivenUp"]
Phase = Literal["Open", "Recovering", "Cleared", "Closed"]


class IncidentFault(ApiModel):
    """The fault as first seen."""

    kind: FaultKind
    """What is broken; also the first part of the notifications' type."""
    cause: Word
    """Why, as a constant CamelCase word."""
    message: Text = ""
    """Why, for people."""
    severity: Severity
    """Perceived severity (X.733)."""
    confidence: Confidence
    """high: somebody who could see it said so. low: inferred, or seen through a stale view."""
    detected_at: Stamp
    """When it was seen, by the clock of the observer."""
    occurred_at: Stamp | None = None
    """When it happened by the failed component's own word, if it left one (to the second)."""


class IncidentResource(ApiModel):
    """The resource a fault is on."""

    kind: Word
    """Kind of the resource: VirtualMachineInstance, VNFReplicaSet, Hypervisor, HypervisorComponent (a process, link,
    network, storage path or hardware part of a hypervisor), Sentinel, OperatorReplica, or NFVI (the whole of it)."""
    namespace: Name = ""
    """Namespace of the resource; empty for cluster-scoped kinds."""
    name: Annotated[str, Field(max_length=384)]
    """Name of the resource; of a HypervisorComponent "<node>/<component>", like "worker-1/process/kubelet"."""
    uid: Word = ""
    """UID of the resource: which incarnation of that name it was. Of a Hypervisor and its components the boot id."""


class IncidentSpec(ApiModel):
    """What happened. Never changes."""

    transitions = (("self == oldSelf", "an Incident's spec is a record and cannot be changed"),)

    fault: IncidentFault
    """The fault as first seen."""
    resource: IncidentResource
    """The resource it is on."""
    node: Name = ""
    """Node the resource was on."""
    vnf: Name = ""
    """VNFReplicaSet the resource belongs to, in the Incident's namespace; empty when none."""
    slot: Count | None = None
    """Slot of the VNFReplicaSet the VM filled."""
    episode: Count
    """How many faults of this kind on this resource were cleared before. With the resource and the kind it makes the
    Incident's name."""
    sequence_base: BigCount
    """Sequence number of the first notification; those of one resource grow from one Incident to the next."""
    cluster: Name = ""
    """Name of the cluster, as configured."""
    parent: Word = ""
    """Incident that caused this one; empty when it stands for itself."""


class Action(ApiModel):
    """One step of the recovery."""

    step: Count
    """Number of the step, from 1; 0 is the report of the fault itself."""
    sequence: BigCount = 0
    """Sequence number of its notification among all of the resource."""
    name: Word
    """What was done, as the type of its notification, like recovery.replacement.created; cleared ends the Incident."""
    time: Stamp
    """When it was done."""
    outcome: ActionOutcome
    """What became of it."""
    message: Text = ""
    """Details, for people."""
    old_vm: Annotated[Name, Field(alias="oldVM")] = ""
    """VM that failed."""
    new_vm: Annotated[Name, Field(alias="newVM")] = ""
    """VM that takes its place."""
    duration_milliseconds: BigCount | None = None
    """How long the step took, in milliseconds."""


class Delivery(ApiModel):
    """One notification to one endpoint."""

    notification: Name
    """Id of the notification, the same in every repetition."""
    type: Word
    """Type of the notification."""
    endpoint: Name
    """VIMEndpoint it goes to."""
    state: DeliveryState
    """Pending: not tried yet. Delivered: answered with 2xx. Retrying: failed, and tried again. Parked: refused for
    good. Expired: not delivered within the endpoint's expiresAfter."""
    attempts: Count = 0
    """Attempts so far."""
    http_status: Annotated[int, Field(strict=True, ge=100, le=599)] | None = None
    """Status of the last answer; absent when there was none."""
    time: Stamp | None = None
    """When it got into this state."""
    latency_milliseconds: BigCount | None = None
    """From the detection to the endpoint's answer, in milliseconds."""
    reason: Text = ""
    """Why it is in this state."""


class EvidenceRecord(ApiModel):
    """Why it was assumed that the failed VM cannot write any more."""

    kind: EvidenceKind
    """ProcessGone: its process was seen to have ended. NeverStarted: there never was one."""
    source: Name
    """Who said so, like "virt-handler@worker-1"."""
    detail: Text = ""
    """In which words."""
    seen_at: Stamp
    """When it was seen."""


def _list_map(*keys: str) -> dict[str, object]:
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


class IncidentStatus(ApiModel):
    """What was done about it. Written by the operator."""

    phase: Phase = "Open"
    """Open: reported. Recovering: being repaired. Cleared: the fault is gone, notifications may be under way. Closed:
    nothing is left to do."""
    actions: Annotated[tuple[Action, ...], Field(max_length=128, json_schema_extra=_list_map("step"))] = ()
    """Steps of the recovery, in order."""
    deliveries: Annotated[
        tuple[Delivery, ...], Field(max_length=1024, json_schema_extra=_list_map("notification", "endpoint"))
    ] = ()
    """What became of each notification at each endpoint."""
    delivered: Annotated[str, Field(max_length=32)] = ""
    """Deliveries done, of all: "2/3"."""
    evidence: Annotated[tuple[EvidenceRecord, ...], Field(max_length=16)] = ()
    """Why it was assumed that the failed VM cannot write any more."""
    cleared_at: Stamp | None = None
    """When the fault was gone."""
    closed_at: Stamp | None = None
    """When nothing was left to do."""
    seal: Annotated[str, Field(max_length=512)] = ""
    """The operator's HMAC over this status, spec and uid, as "<key id>:<hex>". A status without it is not believed."""


def delivered_summary(deliveries: tuple[Delivery, ...]) -> str:
    """Text of ``status.delivered``: how many of the deliveries are done, as "2/3"."""
    return f"{sum(delivery.state == 'Delivered' for delivery in deliveries)}/{len(deliveries)}"


class Incident(KubeObject):
    """The durable record of one fault: what happened, who was told, and what was done. Written by the operator."""

    info: ClassVar = KindInfo(
        kind="Incident",
        plural="incidents",
        singular="incident",
        short_names=("inc",),
        namespaced=True,
        columns=(
            Column("Fault", ".spec.fault.kind"),
            Column("Resource", ".spec.resource.name"),
            Column("Cause", ".spec.fault.cause"),
            Column("Severity", ".spec.fault.severity"),
            Column("Phase", ".status.phase"),
            Column("Delivered", ".status.delivered", "string", "Deliveries done, of all"),
            Column("Node", ".spec.node", "string", "Node the resource was on", 1),
            Column("VNF", ".spec.vnf", "string", "VNFReplicaSet the resource belongs to", 1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    spec: IncidentSpec
    """What happened."""
    status: IncidentStatus | None = None
    """What was done about it."""


def parse(obj: object) -> Incident:
    """Read an Incident.

    Raises:
        InvalidObject: it must not be acted on.
    """
    return Incident.parse(obj)
