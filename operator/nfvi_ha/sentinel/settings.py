"""What one sentinel is told at its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nfvi_ha.sentinel.sources import Place


@dataclass(frozen=True, slots=True)
class SentinelSettings:
    """Settings of the hot process; those of the scribe follow from them."""

    seat: int
    """0, 1 or 2; also its rank."""
    state_dir: Path
    """Cache and spool; survives a restart."""
    addresses: Mapping[str, str]
    """Where to listen: IP address by network, in the order of their index in beats."""
    port: int
    """UDP, the same on every network; 0 takes a free one (each network its own)."""
    cluster: str = ""
    """Name of this NFVI; "" takes the one that the feed says."""
    seats: Mapping[int, Mapping[str, Place]] = field(default_factory=dict)
    """Fixed places of the other seats, by network; others come from the feed."""
    namespace: str = "nfvi-ha-system"
    identity: str = ""
    """Name of our Pod."""
    host: str = "127.0.0.1"
    metrics_port: int = 8081
    """Of /livez, /readyz and /metrics; 0 takes a free one."""
    port_file: Path | None = None
    """Both ports are written here, UDP first."""
    kubeconfig: str | None = None
    with_scribe: bool = True
    """False: no Kubernetes at all; the cache file is all that is known of the cluster."""
    operator_replicas: int = 2
    real_time: bool = True
    """Ask for real-time scheduling."""
    log_level: str = "info"
    log_format: str = "json"
