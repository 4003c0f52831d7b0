"""What the simulated API server holds, and beside it the truth that only the simulator knows."""

from dataclasses import dataclass, field
from enum import Enum

from nfvi_ha.api import names
from nfvi_ha.core.replicaset.snapshot import SlotRecord
from nfvi_ha.core.replicaset.spec import ReplicaSetSpec
from nfvi_ha.core.views import FINAL_PHASES, OwnerView, PodView, VmView

from .clock import stamp

NAMESPACE = "prod"
VIRT_CONTROLLER = "virt-controller"
VIRT_HANDLER = "virt-handler"


class Process(Enum):
    """qemu: not started, able to write, or ended."""

    NONE = "none"
    ALIVE = "alive"
    DEAD = "dead"


@dataclass(slots=True)
class Vmi:
    uid: str
    name: str
    created: float
    labels: dict[str, str]
    annotations: dict[str, str]
    finalizers: set[str]
    owner_name: str
    owner_uid: str
    behaviour: str = "ok"
    """ok, never-ready or crash (a second after it began to run)."""
    version: int = 0
    deleting: float | None = None
    phase: str = ""
    phase_times: dict[str, float] = field(default_factory=dict)
    phase_writer: str = ""
    node: str = ""
    ready: bool | None = None
    ready_reason: str = ""
    ready_since: float | None = None
    paused_reason: str = ""
    active_pods: dict[str, str] = field(default_factory=dict)
    # The truth.
    process: Process = Process.NONE
    failed_at: float | None = None
    """When qemu ended without anybody's wish."""
    disputed: bool = False
    """Wish and failure met, or KubeVirt itself could not tell: whether it is told as failed is nobody's fault."""

    @property
    def final(self) -> bool:
        return self.phase in FINAL_PHASES

    @property
    def slot(self) -> int | None:
        text = self.labels.get(names.LABEL_SLOT, "")
        return int(text) if text else None

    def view(self) -> VmView:
        owner = OwnerView(names.API_VERSION, "VNFReplicaSet", self.owner_name, self.owner_uid)
        return VmView(
            uid=self.uid,
            namespace=NAMESPACE,
            name=self.name,
            resource_version=str(self.version),
            labels=tuple(sorted(self.labels.items())),
            annotations=tuple(sorted(self.annotations.items())),
            finalizers=tuple(sorted(self.finalizers)),
            owner=owner if self.owner_uid else None,
            created_at=stamp(self.created),
            deleting_since=None if self.deleting is None else stamp(self.deleting),
            phase=self.phase,
            node=self.node,
            ready=self.ready,
            ready_reason=self.ready_reason,
            ready_since=None if self.ready_since is None else stamp(self.ready_since),
            paused_reason=self.paused_reason,
            phase_times=tuple((phase, stamp(at)) for phase, at in self.phase_times.items()),
            phase_writer=self.phase_writer,
            active_pods=tuple(sorted(self.active_pods.items())),
        )


@dataclass(slots=True)
class Pod:
    uid: str
    name: str
    vmi_uid: str
    vmi_name: str
    node: str = ""
    phase: str = "Pending"
    deleting: float | None = None
    exit_code: int | None = None
    ended: float | None = None
    version: int = 0

    def view(self) -> PodView:
        return PodView(
            uid=self.uid,
            namespace=NAMESPACE,
            name=self.name,
            vmi_uid=self.vmi_uid,
            vmi_name=self.vmi_name,
            resource_version=str(self.version),
            node=self.node,
            phase=self.phase,
            deleting_since=None if self.deleting is None else stamp(self.deleting),
            compute_exit_code=self.exit_code,
            compute_finished_at=None if self.ended is None else stamp(self.ended),
            status_writer="kubelet",
        )


@dataclass(slots=True)
class Node:
    name: str
    connected: bool = True
    """Whether its kubelet and virt-handler reach the API server."""
    powered: bool = True
    schedulable: bool = True
    renewed: float = 0.0
    """When its Lease was last renewed."""


@dataclass(frozen=True, slots=True)
class SetObject:
    """The VNFReplicaSet as stored: its accepted spec and ``status.slots``."""

    spec: ReplicaSetSpec
    records: tuple[SlotRecord, ...] = ()
    version: int = 0
    foreground: bool = False
