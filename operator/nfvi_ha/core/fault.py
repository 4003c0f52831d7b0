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
    VM_STUCK = "vm.stuck"
    """The VM's process is there and does not run: stopped (T) or in uninterruptible sleep (D) beyond a limit."""
    HYPERVISOR_FAILED = "hypervisor.failed"
    """A quorum of sentinels and no peer reaches the hypervisor on any network, or its kernel only answers (M2)."""
    HYPERVISOR_UNREACHABLE = "hypervisor.unreachable"
    """One sentinel alone does not reach it and no quorum is there to confirm or deny it."""
    HYPERVISOR_NETWORK = "hypervisor.network.failed"
    """The hypervisor is silent on one network and heard on another."""
    AGENT_LOST = "agent.lost"
    """The agent is silent, but the hypervisor's own services still accept connections."""
    AGENT_OVERFLOW = "agent.faults.overflow"
    """An agent sees more faults at once than it can name; the message has the counts."""
    MASS_FAILURE = "nfvi.mass.failure"
    """So many hypervisors fell silent together that recovery is held; each is reported by itself, too."""
    REDUNDANCY_LOST = "ha.redundancy.lost"
    """A sentinel or a replica of the operator is missing (H1)."""
    PROCESS_FAILED = "process.failed"
    """A watched process of the hypervisor ended and did not come back within its grace (M4)."""
    PROCESS_HUNG = "process.hung"
    """A watched process is there and does not answer (M4)."""
    PROCESS_FLAPPING = "process.flapping"
    """A watched process keeps ending and coming back."""
    LINK_DOWN = "link.down"
    """A network interface lost its carrier."""
    STORAGE_PATH_DEGRADED = "storage.path.degraded"
    """A storage path lost its redundancy, or is configured without (M6)."""
    STORAGE_PATH_FAILED = "storage.path.failed"
    """A storage path carries nothing any more (M6)."""
    STORAGE_PATH_SLOW = "storage.path.failover.slow"
    """A storage path failed over, but not within one second (M6)."""
    HARDWARE_FAILED = "hardware.failed"
    """A hardware part failed: uncorrected memory error, fatal PCIe error, dead disk (M5)."""
    HARDWARE_DEGRADED = "hardware.degraded"
    """A hardware part is likely to fail; the message has a recommendation (M5)."""


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
    """"VirtualMachineInstance", "VNFReplicaSet", "Hypervisor", "HypervisorComponent", "Sentinel", ..."""
    namespace: str
    """"" for cluster-scoped kinds."""
    name: str
    """Of a HypervisorComponent: ``<node>/<component>``, e.g. "worker-1/process/kubelet"."""
    uid: str
    """Of a Hypervisor and its components: the boot id, so what a reboot ended is another incarnation."""


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
    parent: str = ""
    """Id of the incident that caused this one; "" when it stands for itself."""
