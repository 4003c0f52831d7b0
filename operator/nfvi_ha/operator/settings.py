"""What the operator is told at its start."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.retention import Policy

LEASE_NAME: Final = "nfvi-ha-operator"


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Options of one operator process."""

    kubeconfig: str | None = None
    """Path; None for in-cluster credentials or the usual places."""
    namespace: str = "nfvi-ha-system"
    """Our own: Lease, Secrets of endpoints, Incidents of cluster-scoped resources."""
    identity: str = ""
    """This replica's name in Leases, logs and notifications; the pod's name."""
    cluster: str = ""
    """Name of this NFVI in notifications; "" takes the uid of namespace kube-system."""
    host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from other hosts
    port: int = 8080
    """Of /livez, /readyz and /metrics; 0 takes a free one."""
    port_file: str | None = None
    """Where to write the port, for whoever asked for a free one."""
    replicas: int = 0
    """How many replicas there should be; 0: nobody knows, and one that is lost is told as long as it is away."""
    key_service_port: int | None = None
    """Of the service that hands agents their keys, over TLS; 0 takes a free one, None serves nothing."""
    key_service_port_file: str | None = None
    key_service_names: tuple[str, ...] = ("localhost", "127.0.0.1")
    """Host names and addresses that agents reach it by, for the certificate that is made where there is none."""
    agent_service_account: str = "nfvi-ha-agent"
    """Whose pods get keys; in our namespace."""
    workers: int = 8
    """VNFReplicaSets reconciled at a time."""
    record_workers: int = 16
    """Incident records written at a time."""
    retention: Policy = Policy()  # noqa: RUF009 - frozen
    """Which closed Incidents are kept."""
