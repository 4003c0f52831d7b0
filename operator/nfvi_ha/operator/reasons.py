"""Reasons of the Kubernetes Events we emit: constant, so that they can be searched and alerted on."""

from typing import Final

# On a VNFReplicaSet
VM_CREATED: Final = "VMCreated"
VM_CREATE_FAILED: Final = "VMCreateFailed"
VM_DELETED: Final = "VMDeleted"
VM_RETIRED: Final = "VMRetired"
VM_ADOPTED: Final = "VMAdopted"
VM_FAILED: Final = "VMFailed"
VM_UNREADY: Final = "VMUnready"
VM_PAUSED: Final = "VMPaused"
REPLICAS_BELOW: Final = "ReplicasBelow"
FAULT_CLEARED: Final = "FaultCleared"
SLOT_HELD: Final = "SlotHeld"
SLOT_QUARANTINED: Final = "SlotQuarantined"
SLOT_BACKOFF: Final = "SlotBackOff"
REPLACEMENT_READY: Final = "ReplacementReady"
REFUSED: Final = "Refused"
# On a VIMEndpoint
ENDPOINT_ACCEPTED: Final = "Accepted"
ENDPOINT_UNREACHABLE: Final = "EndpointUnreachable"
ENDPOINT_REACHABLE: Final = "EndpointReachable"

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
