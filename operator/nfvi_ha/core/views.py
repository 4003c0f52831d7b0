"""What the decisions see of the cluster: small frozen views of Kubernetes objects.

The parsers are in ``nfvi_ha.kube.views``; nothing here knows of JSON or of clients.
"""

from dataclasses import dataclass, field
from datetime import datetime

FINAL_PHASES: frozenset[str] = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class OwnerView:
    """A controller owner reference (``controller: true``), or none."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class VmView:
    """A KubeVirt VirtualMachineInstance, reduced to what the decisions read.

    ``phase_writer`` is the field manager that last wrote ``status.phase`` (from managedFields; "" when the server
    does not say); ``phase_times`` are ``status.phaseTransitionTimestamps``, which virt-handler keeps and
    virt-controller's Running-to-Failed patch does not (facts: KubeVirt 1.9 source, section 1).
    """

    uid: str
    namespace: str
    name: str
    resource_version: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    """Only those under nfvi-ha.io/."""
    finalizers: tuple[str, ...] = ()
    owner: OwnerView | None = None
    created_at: datetime | None = None
    deleting_since: datetime | None = None
    phase: str = ""
    reason: str = ""
    """``status.reason``; only ever NodeUnresponsive, otherwise empty."""
    node: str = ""
    ready: bool | None = None
    """The Ready condition; None when it is absent or Unknown."""
    ready_reason: str = ""
    ready_since: datetime | None = None
    """``lastTransitionTime`` of the Ready condition, whatever its status."""
    paused_reason: str = ""
    """Reason of a true Paused condition: PausedByUser, PausedIOError, PausedByMigrationMonitor."""
    phase_times: tuple[tuple[str, datetime], ...] = ()
    phase_writer: str = ""
    migrating: bool = False
    """status.migrationState is there and neither completed nor failed."""
    active_pods: tuple[tuple[str, str], ...] = ()
    """(pod uid, node) pairs; two during a migration."""

    @property
    def final(self) -> bool:
        """Whether the phase is one a VMI never leaves."""
        return self.phase in FINAL_PHASES

    @property
    def deleting(self) -> bool:
        """Whether somebody asked for its deletion."""
        return self.deleting_since is not None

    @property
    def lost_readiness(self) -> bool:
        """Whether it is not Ready any more. While it boots, Ready is False since before phase Running."""
        running_at = dict(self.phase_times).get("Running")
        if self.ready is not False or self.ready_since is None or running_at is None:
            return False
        return self.ready_since > running_at

    def label(self, name: str) -> str:
        """The label's value, "" when it is absent."""
        return next((value for key, value in self.labels if key == name), "")

    def annotation(self, name: str) -> str:
        """The annotation's value, "" when it is absent (only our own prefix is kept)."""
        return next((value for key, value in self.annotations if key == name), "")


@dataclass(frozen=True, slots=True)
class PodView:
    """A virt-launcher pod. ``compute_exit_code`` is None while the ``compute`` container has not terminated."""

    uid: str
    namespace: str
    name: str
    vmi_uid: str
    vmi_name: str
    resource_version: str = ""
    node: str = ""
    phase: str = ""
    reason: str = ""
    """``status.reason``, e.g. Evicted, NodeLost."""
    deleting_since: datetime | None = None
    compute_exit_code: int | None = None
    compute_reason: str = ""
    compute_finished_at: datetime | None = None
    status_writer: str = ""
    """Field manager that last wrote ``status.containerStatuses`` ("" when the server does not say)."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node. Whether it is *fresh* is judged from its Lease's arrival times, never by comparing clocks."""

    name: str
    uid: str = ""
    ready: bool | None = None
    unschedulable: bool = False
    boot_id: str = ""
    system_uuid: str = ""
    taints: tuple[tuple[str, str], ...] = ()
    """(key, effect) pairs."""
    labels: tuple[tuple[str, str], ...] = field(default=())
