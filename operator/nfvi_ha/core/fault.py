"""A fault: a fact that something is broken now, with what we know of its cause and how sure we are."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FaultKind(StrEnum):
    """What kind of thing is broken. The value is the first part of notification types."""

    VM_FAILED = "vm.failed"
    """The VM ended and nobody asked it to (H2)."""
    VM_UNREADY = "vm.unready"
    """A VM that was ready is not, or its pod is being taken away, and nothing proves that it ended."""
    VM_PAUSED = "vm.paused"
    """KubeVirt froze the VM on a storage I/O error."""
    REPLICAS_BELOW = "vnf.replicas.below"
    """A VNFReplicaSet has fewer ready VMs than desired (H8)."""


class Severity(StrEnum):
    """Perceived severity (X.733 terms), most severe first in ``RANK``."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    CLEARED = "cleared"


class Confidence(StrEnum):
    """HIGH: somebody who could see it said so. LOW: inferred, or seen through a stale view."""

    HIGH = "high"
    LOW = "low"


class EvidenceKind(StrEnum):
    """Why we may assume that the old VM cannot write any more (DESIGN section 5)."""

    PROCESS_GONE = "ProcessGone"
    NEVER_STARTED = "NeverStarted"
    """No node was ever assigned and no launcher pod bound: there is nothing that could write."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence: its kind, who said it, in which words, and when it was seen by us."""

    kind: EvidenceKind
    source: str
    """e.g. "virt-handler@worker-1", "kubelet@worker-1"."""
    detail: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """The resource a fault is on. ``uid`` is its incarnation: a VM replaced under any name has another one."""

    kind: str
    """"VirtualMachineInstance" or "VNFReplicaSet" (later: Hypervisor, StorageBackend, ...)."""
    namespace: str
    """"" for cluster-scoped kinds."""
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as first seen. Together with the episode it decides the incident's id (``core.ids``)."""

    kind: FaultKind
    resource: ResourceRef
    cause: str
    """A constant CamelCase reason, e.g. QemuCrashed, LauncherCrashed, PodGone, NodeUnresponsive."""
    message: str
    severity: Severity
    confidence: Confidence
    detected_at: datetime
    """Our wall clock when we saw it, UTC."""
    occurred_at: datetime | None = None
    """When it happened by the observed component's own stamp (second resolution), if it left one."""
    node: str = ""
    vnf: str = ""
    """Owning VNFReplicaSet's name, "" when the VM is not ours."""
    slot: int | None = None
    evidence: Evidence | None = None
