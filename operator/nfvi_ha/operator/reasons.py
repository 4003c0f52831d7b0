"""Reasons of the Kubernetes Events we emit: constant, so that they can be searched and alerted on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# On a VNFReplicaSet
VM_CREATED: Final = "VMCreated"
VM_CREATE_FAILED: Final = "VMCreateFailed"
VM_DELETED: Final = "VMDeleted"
VM_RETIRED: Final = "VMRetired"
VM_ADOPTED: Final = "VMAdopted"
SLOT_HELD: Final = "SlotHeld"
SLOT_QUARANTINED: Final = "SlotQuarantined"
SLOT_BACKOFF: Final = "SlotBackOff"
REPLICAS_BELOW: Final = "ReplicasBelow"
REFUSED: Final = "Refused"
# On a VM
VM_FAILED: Final = "VMFailed"
VM_UNREADY: Final = "VMUnready"
VM_PAUSED: Final = "VMPaused"
VM_STUCK: Final = "VMStuck"
# On the Node of a hypervisor. Those on its state as a whole are the sentinels' words for it, too.
HYPERVISOR_FAILED: Final = "HypervisorFailed"
HYPERVISOR_UNREACHABLE: Final = "HypervisorUnreachable"
NETWORK_FAULT: Final = "HypervisorNetworkFault"
AGENT_LOST: Final = "AgentLost"
AGENT_OVERFLOW: Final = "TooManyFaults"
PROCESS_FAILED: Final = "ProcessFailed"
PROCESS_HUNG: Final = "ProcessHung"
PROCESS_FLAPPING: Final = "ProcessFlapping"
LINK_DOWN: Final = "LinkDown"
STORAGE_PATH_DEGRADED: Final = "StoragePathDegraded"
STORAGE_PATH_FAILED: Final = "StoragePathFailed"
STORAGE_PATH_SLOW: Final = "StoragePathFailoverSlow"
HARDWARE_FAILED: Final = "HardwareFailed"
HARDWARE_DEGRADED: Final = "HardwareDegraded"
# On our own Pods and namespace
REDUNDANCY_LOST: Final = "RedundancyLost"
MASS_FAILURE: Final = "MassFailure"
FAULT_CLEARED: Final = "FaultCleared"
# On a VIMEndpoint
ENDPOINT_UNREACHABLE: Final = "EndpointUnreachable"
ENDPOINT_REACHABLE: Final = "EndpointReachable"

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

MEANINGS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        VM_CREATED: ("VNFReplicaSet", NORMAL, "A VM was created for a slot."),
        VM_CREATE_FAILED: ("VNFReplicaSet", WARNING, "The API server refused a VM; the note says which and why."),
        VM_DELETED: ("VNFReplicaSet", NORMAL, "A VM was asked to go: scale-in, rolling update, or one too many."),
        VM_RETIRED: (
            "VNFReplicaSet",
            NORMAL,
            "A VM that ended was let go: its successor exists, its record is written.",
        ),
        VM_ADOPTED: ("VNFReplicaSet", NORMAL, "A VM that nobody owned was taken into a slot."),
        SLOT_HELD: (
            "VNFReplicaSet",
            WARNING,
            "A VM is lost from sight without evidence of its end; nothing replaces it.",
        ),
        SLOT_QUARANTINED: ("VNFReplicaSet", WARNING, "A slot was given up after repeated early failures."),
        SLOT_BACKOFF: ("VNFReplicaSet", WARNING, "A slot waits before its next attempt after repeated early failures."),
        REPLICAS_BELOW: ("VNFReplicaSet", WARNING, "Fewer VMs are ready than desired, because VMs were lost."),
        REFUSED: (
            "VNFReplicaSet, VIMEndpoint, HAPolicy, Incident",
            WARNING,
            "The object is not acted on; the note says why. An Incident so marked does not carry our seal.",
        ),
        VM_FAILED: ("VirtualMachineInstance", WARNING, "The VM ended and nobody asked it to."),
        VM_UNREADY: ("VirtualMachineInstance", WARNING, "The VM was ready and is not; nothing proves that it ended."),
        VM_PAUSED: ("VirtualMachineInstance", WARNING, "KubeVirt froze the VM on a storage I/O error."),
        VM_STUCK: ("VirtualMachineInstance", WARNING, "The VM's process is there and does not run."),
        HYPERVISOR_FAILED: ("Node", WARNING, "A quorum of sentinels and no peer reaches the hypervisor."),
        HYPERVISOR_UNREACHABLE: ("Node", WARNING, "One sentinel alone does not reach the hypervisor."),
        NETWORK_FAULT: ("Node", WARNING, "The hypervisor is silent on one network and heard on another."),
        AGENT_LOST: ("Node", WARNING, "The agent is silent; the hypervisor's services still accept connections."),
        AGENT_OVERFLOW: ("Node", WARNING, "The agent sees more faults at once than it can name."),
        PROCESS_FAILED: ("Node", WARNING, "A watched process ended; the note says which."),
        PROCESS_HUNG: ("Node", WARNING, "A watched process is there and does not answer."),
        PROCESS_FLAPPING: ("Node", WARNING, "A watched process keeps ending and coming back."),
        LINK_DOWN: ("Node", WARNING, "A network interface lost its carrier."),
        STORAGE_PATH_DEGRADED: ("Node", WARNING, "A storage path is not redundant."),
        STORAGE_PATH_FAILED: ("Node", WARNING, "A storage path carries nothing any more."),
        STORAGE_PATH_SLOW: ("Node", WARNING, "A storage path took more than a second to fail over."),
        HARDWARE_FAILED: ("Node", WARNING, "A hardware part failed."),
        HARDWARE_DEGRADED: ("Node", WARNING, "A hardware part is likely to fail; the note has a recommendation."),
        REDUNDANCY_LOST: ("Pod", WARNING, "A sentinel or a replica of the operator is missing."),
        MASS_FAILURE: ("Namespace", WARNING, "Many hypervisors fell silent together; recovery is held."),
        FAULT_CLEARED: ("any of these", NORMAL, "What was reported before is over; the note names the Incident."),
        ENDPOINT_UNREACHABLE: ("VIMEndpoint", WARNING, "The VIM does not take notifications; they wait."),
        ENDPOINT_REACHABLE: ("VIMEndpoint", NORMAL, "The VIM takes notifications."),
    }
)
"""Reason -> the kind it is on, its type, and what it means. The reference page is made from this."""
