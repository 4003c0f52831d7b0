"""VNFReplicaSet: keeps a VNF's VMs at their number (H8)."""

from datetime import timedelta
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from nfvi_ha.api.conditions import Conditions
from nfvi_ha.api.duration import Duration, between
from nfvi_ha.api.errors import RESERVED_KEY, SELECTOR_CHANGED, SELECTOR_EMPTY, SELECTOR_MISMATCH
from nfvi_ha.api.kind import Column, KindInfo, KubeObject, ScalePaths
from nfvi_ha.api.model import DNS_LABEL, ApiModel, BigCount, Count, Flag, Name, Rule, Text, Word
from nfvi_ha.api.rollout import MAX_REPLICAS, Placement, Recovery, ScaleIn, UpdateStrategy
from nfvi_ha.api.selector import LabelSelector
from nfvi_ha.api.stamp import Stamp
from nfvi_ha.api.vmtemplate import CEL_RESERVED, VMTemplate, is_reserved

NAME_MAX_LENGTH: Final = 40
"""VMs are named ``<name>-<slot>-<attempt>``. The API server cuts the stem of a generated pod name at 58 characters:
``virt-launcher-`` (14), 40 of these, and a slot of three digits fill it, so that a pod's name always tells set and
slot; and the VM's name, which KubeVirt uses as label value and host name, has 18 digits left for the attempt in 63."""
MAX_SLOTS: Final = 2 * MAX_REPLICAS
"""In status: up to maxSurge slots beyond replicas."""

_LABELS: Final = "has(self.template.metadata) && has(self.template.metadata.labels)"
_HAS_KEY: Final = f"({_LABELS} && e.key in self.template.metadata.labels)"
_HAS_VALUE: Final = f"({_HAS_KEY} && self.template.metadata.labels[e.key] in e.values)"

_MATCH_LABELS: Final = (
    f"!has(self.selector.matchLabels) || self.selector.matchLabels.all(k, {_LABELS} && "
    "k in self.template.metadata.labels && self.template.metadata.labels[k] == self.selector.matchLabels[k])"
)
_MATCH_EXPRESSIONS: Final = (
    "!has(self.selector.matchExpressions) || self.selector.matchExpressions.all(e, "
    f"e.operator == 'In' ? {_HAS_VALUE} : e.operator == 'NotIn' ? !{_HAS_VALUE} : "
    f"e.operator == 'Exists' ? {_HAS_KEY} : !{_HAS_KEY})"
)
_NOT_RESERVED: Final = (
    f"(!has(self.selector.matchLabels) || self.selector.matchLabels.all(k, !({CEL_RESERVED}))) && "
    "(!has(self.selector.matchExpressions) || "
    f"self.selector.matchExpressions.all(e, !({CEL_RESERVED.replace('k.', 'e.key.').replace('k in', 'e.key in')})))"
)


class VNFReplicaSetSpec(ApiModel):
    """Desired state of a VNF's VMs."""

    rules = (
        Rule(
            reason=SELECTOR_EMPTY,
            field="selector",
            message="the selector is empty and would claim every VM of the namespace; give it at least one label",
            holds=lambda self: not self.selector.empty,
            cel="(has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || "
            "(has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)",
        ),
        Rule(
            reason=RESERVED_KEY,
            field="selector",
            message="the selector names labels that nfvi-ha or KubeVirt set; use labels of the template",
            holds=lambda self: not any(is_reserved(key) for key in self.selector.keys),
            cel=_NOT_RESERVED,
        ),
        Rule(
            reason=SELECTOR_MISMATCH,
            field="selector",
            message="the selector does not match template.metadata.labels, so that the set would not know its own "
            "VMs; make them agree",
            holds=lambda self: self.selector.matches(self.template.metadata.labels),
            cel=f"({_MATCH_LABELS}) && ({_MATCH_EXPRESSIONS})",
        ),
    )
    transitions = (
        (
            "self.selector == oldSelf.selector",
            "the selector cannot be changed: VMs it no longer matched would run on unseen; make a new set",
        ),
    )

    replicas: Annotated[int, Field(strict=True, ge=0, le=MAX_REPLICAS)] = 1
    """Number of VMs to keep, from 0 to 256. `kubectl scale` and autoscalers set it."""
    selector: LabelSelector
    """Which VMs belong to the set. It must match the template's labels, and cannot be changed. VMs that it matches
    and that nobody owns are adopted."""
    template: VMTemplate
    """What each VM is made from."""
    paused: Flag = False
    """Whether to leave the VMs alone: none is created, replaced, updated or deleted. Failures are still reported."""
    placement: Placement = Placement()
    """Where VMs may run relative to each other."""
    update_strategy: UpdateStrategy = UpdateStrategy()
    """How VMs get to a changed template."""
    scale_in: ScaleIn = ScaleIn()
    """Which VMs go when replicas is lowered."""
    recovery: Recovery = Recovery()
    """How failed VMs are replaced."""
    progress_deadline: Annotated[Duration, between(timedelta(seconds=1), timedelta(hours=24))] = timedelta(minutes=10)
    """If scaling, an update or a recovery makes no progress for this long, condition Progressing becomes False with
    reason ProgressDeadlineExceeded. Work goes on. From 1s to 24h."""


SlotState = Literal[
    "Empty",
    "Pending",
    "Starting",
    "Ready",
    "Unready",
    "Failed",
    "Held",
    "BackOff",
    "Quarantined",
    "Updating",
    "Deleting",
]


class SlotStatus(ApiModel):
    """One of the places of the set. At most one VM fills it."""

    index: Count
    """Number of the slot, from 0."""
    vmi: Name = ""
    """Name of the VM in it; empty when there is none."""
    uid: Word = ""
    """UID of the VM in it."""
    node: Name = ""
    """Node the VM is on; empty while it has none."""
    state: SlotState
    """Empty: no VM, one is about to be made. Pending: the VM has no node yet. Starting: it has a node and was never
    ready. Ready. Unready: it was ready, and is not now. Failed: it ended, and that is proven. Held: it may have
    ended, but nothing proves that it cannot write any more, so nothing takes its place. BackOff: waiting before the
    next attempt. Quarantined: given up after too many early failures. Updating: being replaced for a changed
    template. Deleting: going away on request."""
    reason: Word = ""
    """Why it is in this state, as a constant CamelCase word."""
    message: Text = ""
    """Why it is in this state, for people."""
    attempt: BigCount = 0
    """Attempt of the VM in it; part of the VM's name. It only ever grows."""
    early_failures: Count = 0
    """Early failures in a row."""
    retry_after: Stamp | None = None
    """When the next attempt is due, in BackOff."""


class LastFailure(ApiModel):
    """The last failure of a VM of the set."""

    vmi: Name
    """Name of the VM."""
    slot: Count
    """Slot the VM filled."""
    node: Name = ""
    """Node the VM was on."""
    cause: Word = ""
    """Why it failed, as a constant CamelCase word."""
    time: Stamp
    """When it was detected."""
    incident: Name = ""
    """Incident that has the details, in the set's namespace."""


class LastRecovery(ApiModel):
    """The last time a failed VM's replacement became ready."""

    vmi: Name
    """Name of the replacement."""
    slot: Count
    """Slot it fills."""
    time: Stamp
    """When it became ready."""
    duration_seconds: BigCount = 0
    """From the detection of the failure to the ready replacement, in whole seconds."""
    incident: Name = ""
    """Incident that has the details, in the set's namespace."""


class VNFReplicaSetStatus(ApiModel):
    """Observed state of a VNF's VMs. Written by the operator."""

    observed_generation: BigCount = 0
    """Generation of the spec that this status is about."""
    replicas: Count = 0
    """VMs of the set that exist and have not ended."""
    ready_replicas: Count = 0
    """VMs that are ready."""
    updated_replicas: Count = 0
    """VMs made from the current template."""
    failed_replicas: Count = 0
    """Slots whose VM has failed and is not yet replaced."""
    recovering_replicas: Count = 0
    """Slots that lost their VM and wait for a replacement to become ready."""
    label_selector: Annotated[str, Field(max_length=32768)] = ""
    """The selector as text, for autoscalers."""
    template_hash: Word = ""
    """Hash of the current template, as on the VMs' label nfvi-ha.io/template-hash."""
    slots: Annotated[
        tuple[SlotStatus, ...],
        Field(
            max_length=MAX_SLOTS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["index"]},
        ),
    ] = ()
    """The places of the set."""
    last_failure: LastFailure | None = None
    """The last failure of a VM of the set."""
    last_recovery: LastRecovery | None = None
    """The last time a failed VM's replacement became ready."""
    conditions: Conditions = ()
    """Accepted: the spec is valid and acted on. Available: all replicas are ready. Progressing: work is going on, and
    gets on. Degraded: some slot failed, is held or is quarantined. Paused: spec.paused is set."""


def _selector_kept(self: "VNFReplicaSet") -> bool:
    known = self.status.label_selector if self.status else ""
    return known in {"", str(self.spec.selector)}


class VNFReplicaSet(KubeObject):
    """Keeps a VNF's KubeVirt VMs at their number: failed ones are replaced as soon as it is proven that they ended.

    VMs are named `<name>-<slot>-<attempt>`. So that every name and label made from it fits Kubernetes' 63 characters,
    the set's own name has at most 40 characters, and no dots.
    """

    info: ClassVar = KindInfo(
        kind="VNFReplicaSet",
        plural="vnfreplicasets",
        singular="vnfreplicaset",
        short_names=("vnfrs",),
        namespaced=True,
        columns=(
            Column("Desired", ".spec.replicas", "integer", "VMs to keep"),
            Column("Current", ".status.replicas", "integer", "VMs that exist and have not ended"),
            Column("Ready", ".status.readyReplicas", "integer", "VMs that are ready"),
            Column("Recovering", ".status.recoveringReplicas", "integer", "Slots waiting for a replacement"),
            Column("LastFailure", ".status.lastFailure.time", "date", "Time since the last failure of a VM"),
            Column("Accepted", ".status.conditions[?(@.type=='Accepted')].status", "string", "Spec is valid", 1),
            Column("Selector", ".status.labelSelector", "string", "Which VMs belong to the set", 1),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
        categories=("all", "nfvi-ha"),
        scale=ScalePaths(),
        name_pattern=DNS_LABEL,
        name_max_length=NAME_MAX_LENGTH,
    )
    # Its slots remember VMs that vanished without evidence; forgetting one could give its slot a second VM.
    needs_status = True
    rules = (
        Rule(
            reason=SELECTOR_CHANGED,
            field="spec.selector",
            message="the selector differs from the one the set was made with (status.labelSelector); change it back, "
            "or make a new set",
            holds=_selector_kept,
        ),
    )

    spec: VNFReplicaSetSpec
    """Desired state of a VNF's VMs."""
    status: VNFReplicaSetStatus | None = None
    """Observed state of a VNF's VMs."""


def parse(obj: object) -> VNFReplicaSet:
    """Read a VNFReplicaSet.

    Raises:
        InvalidObject: it must not be acted on.
    """
    return VNFReplicaSet.parse(obj)
