"""Every group, label, annotation, taint and finalizer name that we write or read, in one place."""

from typing import Final

GROUP: Final = "nfvi-ha.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

# On the VMIs of a VNFReplicaSet.
LABEL_VNFRS: Final = f"{GROUP}/vnfreplicaset"
"""Name of the owning VNFReplicaSet; with the slot it makes the anti-affinity and `kubectl -l` work."""
LABEL_SLOT: Final = f"{GROUP}/slot"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
LABEL_TEMPLATE_HASH: Final = f"{GROUP}/template-hash"
FINALIZER_EVIDENCE: Final = f"{GROUP}/evidence"
"""Keeps a VMI in the API until its end was seen and recorded: what is gone can prove nothing (invariant 1)."""

# Set by users.
ANNOTATION_REPORT: Final = f"{GROUP}/report"
"""On a VMI: "false" keeps its failures from being reported (DESIGN section 4, scope)."""

# On the Leases by which replicas announce themselves.
LABEL_MEMBER_OF: Final = f"{GROUP}/member-of"

# On Nodes and on the sentinels' Pods.
ANNOTATION_ADDRESSES: Final = f"{GROUP}/addresses"
"""Where it is reached: {"addresses": {network: ip}, "port": n} in JSON."""
TAINT_HYPERVISOR_FAILED: Final = f"{GROUP}/hypervisor-failed"
"""NoSchedule, on a hypervisor that a quorum of sentinels judged dead, after that was reported."""
CONDITION_HYPERVISOR_FAILED: Final = "NfviHaHypervisorFailed"
"""Node condition that says the same."""
LABEL_ZONE: Final = "topology.kubernetes.io/zone"

# On Incidents.
ANNOTATION_HMAC: Final = f"{GROUP}/hmac"
ANNOTATION_RELEASE: Final = f"{GROUP}/release"
"""Set by an administrator on the Incident of a mass failure: his name. Recovery is held no longer."""
FINALIZER_UNDELIVERED: Final = f"{GROUP}/undelivered"
LABEL_KIND: Final = f"{GROUP}/fault-kind"
LABEL_RESOURCE: Final = f"{GROUP}/resource-hash"

# On credential Secrets.
ANNOTATION_ALLOWED_HOSTS: Final = f"{GROUP}/allowed-hosts"
"""Comma-separated host[:port] list a Secret's content may be sent to (DESIGN section 5, credentials)."""

# KubeVirt's names that we read (facts: KubeVirt 1.9 source).
KUBEVIRT_LAUNCHER_LABEL: Final = "kubevirt.io"
KUBEVIRT_LAUNCHER_VALUE: Final = "virt-launcher"
KUBEVIRT_CREATED_BY: Final = "kubevirt.io/created-by"
KUBEVIRT_DOMAIN: Final = "kubevirt.io/domain"
KUBEVIRT_NODE_NAME: Final = "kubevirt.io/nodeName"
KUBEVIRT_MIGRATION_TARGET: Final = "kubevirt.io/migrationTargetNodeName"
KUBEVIRT_FINALIZER: Final = "kubevirt.io/foregroundDeleteVirtualMachine"
KUBEVIRT_HEARTBEAT: Final = "kubevirt.io/heartbeat"
KUBEVIRT_SCHEDULABLE: Final = "kubevirt.io/schedulable"
