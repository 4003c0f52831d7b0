"""What a VNFReplicaSet asks for, as the planner reads it (durations in seconds, percentages resolved)."""

from dataclasses import dataclass
from enum import StrEnum


class ScaleInPolicy(StrEnum):
    """Which VMs go first when the number is lowered."""

    HIGHEST_INDEX = "HighestIndex"
    NEWEST_FIRST = "NewestFirst"
    OLDEST_FIRST = "OldestFirst"


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """How long a slot waits after repeated early failures: the first is free, then initial x factor^(n-2)."""

    initial_seconds: float = 10.0
    max_seconds: float = 300.0
    factor: float = 2.0
    stable_seconds: float = 60.0
    """A VM that ends before it was Running this long failed early."""
    max_early_failures: int = 5
    """Quarantine the slot at so many early failures in a row; 0 means never."""


@dataclass(frozen=True, slots=True)
class ReplicaSetSpec:
    """The accepted spec of one VNFReplicaSet."""

    namespace: str
    name: str
    uid: str
    generation: int
    replicas: int
    template_hash: str
    """Of the template and of what placement injects into it: a VM with another one is outdated."""
    paused: bool = False
    deleting: bool = False
    rolling: bool = True
    """updateStrategy RollingUpdate; False is OnDelete."""
    max_unavailable: int = 1
    max_surge: int = 0
    scale_in: ScaleInPolicy = ScaleInPolicy.HIGHEST_INDEX
    prefer_unhealthy: bool = True
    backoff: BackoffPolicy = BackoffPolicy()
    progress_deadline_seconds: float = 600.0
