"""HAPolicy: which nodes are governed as hypervisors, and by which figures (H1, M2, M4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final

from pydantic import Field

from nfvi_ha.api.conditions import Conditions
from nfvi_ha.api.duration import Duration, between
from nfvi_ha.api.errors import DUPLICATE_NAME, SUSPECT_ORDER
from nfvi_ha.api.kind import Column, KindInfo, KubeObject
from nfvi_ha.api.model import INT32_MAX, ApiModel, BigCount, Count, Flag, Rule
from nfvi_ha.api.selector import LabelSelector
from nfvi_ha.api.watchedprocess import WatchedProcess

MAX_PROCESSES: Final = 64
_MS: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)

Percent = Annotated[int, Field(strict=True, ge=0, le=100)]


def _list_map(key: str) -> dict[str, object]:
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


class Heartbeat(ApiModel):
    """How long silence is borne. Agents beat every 100 ms on every network."""

    rules = (
        Rule(
            reason=SUSPECT_ORDER,
            field="suspectAfterSlow",
            message="suspectAfterSlow is shorter than suspectAfter; an agent that is known to be slow needs more time",
            holds=lambda self: self.suspect_after <= self.suspect_after_slow,
            cel="duration(self.suspectAfter) <= duration(self.suspectAfterSlow)",
        ),
    )

    suspect_after: Annotated[Duration, between(300 * _MS, 10 * _SECOND)] = 350 * _MS
    """Silence on all networks after which a hypervisor is suspect, and is probed and voted on. From 300ms (three
    beats) to 10s. With the default the VIM is told within a second."""
    suspect_after_slow: Annotated[Duration, between(300 * _MS, 10 * _SECOND)] = 500 * _MS
    """The same for an agent without real-time scheduling, or that says it is slow."""
    confirm_within: Annotated[Duration, between(100 * _MS, 5 * _SECOND)] = 200 * _MS
    """From suspicion to the verdict: the time that probes and votes have. From 100ms to 5s."""
    warm_up: Annotated[Duration, between(_SECOND, 60 * _SECOND)] = 3 * _SECOND
    """A sentinel that has just started judges nothing for so long. From 1s to 60s."""
    return_after: Annotated[Duration, between(200 * _MS, 300 * _SECOND)] = _SECOND
    """Beats must be steady for so long before a fault is cleared. From 200ms to 5m."""


class StormProtection(ApiModel):
    """What is a mass failure: each of its hypervisors is reported, and recovery is held.

    One is there when more hypervisors fall silent within the window than maxFailed or maxFailedPercent of all,
    whichever is more, or so many that less than minHealthyPercent of all are left.
    """

    window: Annotated[Duration, between(_SECOND, 600 * _SECOND)] = 10 * _SECOND
    """Failures this close together count together. From 1s to 10m."""
    max_failed: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)] = 3
    """So many may always fail together."""
    max_failed_percent: Percent = 10
    """So many percent of all governed hypervisors may fail together."""
    min_healthy_percent: Percent = 51
    """So many percent of all governed hypervisors must be left."""


class Goodbye(ApiModel):
    """The longest planned absence that an agent's goodbye excuses. Whoever asks for more gets this."""

    upgrade: Annotated[Duration, between(_SECOND, 300 * _SECOND)] = 10 * _SECOND
    """Of the agent alone, while it is upgraded or stopped. From 1s to 5m."""
    reboot: Annotated[Duration, between(_SECOND, 3600 * _SECOND)] = 300 * _SECOND
    """Of the hypervisor, while it reboots. From 1s to 1h."""


class HAPolicySpec(ApiModel):
    """Which nodes are governed, and how."""

    rules = (
        Rule(
            reason=DUPLICATE_NAME,
            field="watchedProcesses",
            message="two entries have the same name; names must differ",
            holds=lambda self: len({each.name for each in self.watched_processes}) == len(self.watched_processes),
        ),
    )

    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    """Which policy holds on a node that several select: the one with the highest priority, of equals the oldest."""
    node_selector: LabelSelector = LabelSelector()
    """Nodes that are governed, by their labels. All when empty. A node that no policy selects is not governed: it may
    fail unreported."""
    heartbeat: Heartbeat = Heartbeat()
    """How long silence is borne. Of the leading policy only."""
    storm_protection: StormProtection = StormProtection()
    """What is a mass failure. Of the leading policy only."""
    goodbye: Goodbye = Goodbye()
    """What a goodbye excuses. Of the leading policy only."""
    taint_failed_nodes: Flag = True
    """Whether a node that a quorum holds for dead gets the taint nfvi-ha.io/hypervisor-failed:NoSchedule and the
    condition NfviHaHypervisorFailed, after that was reported. Both go when it is back."""
    built_in_processes: Flag = True
    """Whether the processes that most hypervisors run are watched where they are found: kubelet, containerd or CRI-O,
    virt-handler, libvirt, Open vSwitch, nova-compute, sshd and chronyd."""
    watched_processes: Annotated[
        tuple[WatchedProcess, ...], Field(max_length=MAX_PROCESSES, json_schema_extra=_list_map("name"))
    ] = ()
    """Processes to watch on the governed nodes, beside the built-in ones or in their place."""


class HAPolicyStatus(ApiModel):
    """What the policy governs. Written by the operator."""

    observed_generation: BigCount = 0
    """Generation of the spec that this status is about."""
    nodes: Count = 0
    """Nodes that it governs now."""
    conditions: Conditions = ()
    """Accepted: the spec is valid. Overlapping: another policy holds on nodes that this one selects. Leading: its
    heartbeat, stormProtection and goodbye hold for all hypervisors, which are judged together: it comes first by
    priority, then age."""


class HAPolicy(KubeObject):
    """How hypervisors are watched and judged. Without any, all nodes are governed by the defaults."""

    info: ClassVar = KindInfo(
        kind="HAPolicy",
        plural="hapolicies",
        singular="hapolicy",
        short_names=("hap",),
        namespaced=False,
        columns=(
            Column("Priority", ".spec.priority", "integer"),
            Column("Nodes", ".status.nodes", "integer", "Nodes that it governs now"),
            Column("Accepted", ".status.conditions[?(@.type=='Accepted')].status", "string", "Spec is valid"),
            Column("Overlapping", ".status.conditions[?(@.type=='Overlapping')].status", "string", "Loses nodes"),
            Column("Leading", ".status.conditions[?(@.type=='Leading')].status", "string", "Its timings hold"),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    spec: HAPolicySpec = HAPolicySpec()
    """Which nodes are governed, and how."""
    status: HAPolicyStatus | None = None
    """What the policy governs."""

    @property
    def name(self) -> str:
        """Its name, which no two share."""
        return self.metadata.name

    @property
    def priority(self) -> int:
        """The higher one wins."""
        return self.spec.priority

    @property
    def created_at(self) -> datetime | None:
        """When it was made, UTC."""
        return self.metadata.creation_timestamp

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether it is meant for a node with these labels."""
        return self.spec.node_selector.matches(labels)


DEFAULT: Final = HAPolicySpec()
"""What holds on every node where there is no policy at all."""


def parse(obj: object) -> HAPolicy:
    """Read an HAPolicy.

    Raises:
        InvalidObject: it must not be acted on.
    """
    return HAPolicy.parse(obj)
