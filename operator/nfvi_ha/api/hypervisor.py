"""Hypervisor: a node that runs VMs, as the sentinels see it. Named as its node."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from nfvi_ha.api.conditions import Conditions
from nfvi_ha.api.incident import FaultKind, Severity
from nfvi_ha.api.kind import Column, KindInfo, KubeObject
from nfvi_ha.api.model import ApiModel, BigCount, Count, Flag, Text, Word
from nfvi_ha.api.stamp import Stamp

State = Literal["Up", "Suspect", "Down", "AgentLost", "NetworkFault", "Left", "Returning"]
Watchdog = Literal["None", "Armed", "Disarmed"]
HardwareSummary = Literal["OK", "Degraded", "Failed"]
AgentSummary = Literal["RealTime", "TimeSharing", "ProbesDown", "Silent"]

MAX_PARTS: Final = 64


class AgentStatus(ApiModel):
    """The agent that was heard last."""

    boot_id: Annotated[Word, Field(alias="bootID")] = ""
    """Boot of the hypervisor that it runs in."""
    version: Word = ""
    """Its release."""
    incarnation: BigCount = 0
    """Start of the agent, in nanoseconds since 1970 by the hypervisor's clock."""
    real_time: Flag = False
    """Whether its beats are scheduled in real time (SCHED_FIFO). Without, silence is borne longer."""
    probes_down: Flag = False
    """Whether its probes are away: it beats, and sees nothing."""
    lag_milliseconds: Count | None = None
    """How late its beats were sent last, in milliseconds."""


class FaultyPart(ApiModel):
    """A part of the hypervisor that is broken now, or about to be."""

    component: Annotated[str, Field(max_length=128)]
    """Which part, like "memory/mc0", "disk/nvme0n1" or "path/storage"."""
    fault: FaultKind
    """What is wrong with it."""
    cause: Word = ""
    """Why, as a constant CamelCase word."""
    severity: Severity = "major"
    """Perceived severity (X.733)."""
    message: Text = ""
    """Why, for people, with a recommendation where there is one."""
    since: Stamp | None = None
    """When it was seen."""
    incident: Word = ""
    """Its Incident, in the operator's namespace."""


Parts = Annotated[tuple[FaultyPart, ...], Field(max_length=MAX_PARTS)]


class HypervisorSpec(ApiModel):
    """Nothing can be set yet."""


class HypervisorStatus(ApiModel):
    """What the sentinels see. Written by them on change, never with each beat."""

    state: State | None = None
    """Up: its agent beats. Suspect: it is silent, and is being probed and voted on. Down: a quorum of sentinels and no
    peer reaches it, or only its kernel answers. AgentLost: its agent is silent, its services accept connections.
    NetworkFault: it is silent on one network. Left: its agent said goodbye before a planned stop. Returning: it beats
    again, and not steadily yet."""
    reason: Word = ""
    """Why it is in this state, as a constant CamelCase word."""
    since: Stamp | None = None
    """When it got into this state."""
    confidence: Literal["high", "low"] = "high"
    """low: one sentinel alone says so."""
    boot_id: Annotated[Word, Field(alias="bootID")] = ""
    """Boot that was heard last."""
    vms: Annotated[Count | None, Field(alias="vms")] = None
    """VMs that its agent names."""
    agents: Annotated[tuple[AgentStatus, ...], Field(max_length=4)] = ()
    """The agent that was heard last; more than one only if two run by mistake."""
    agent_summary: AgentSummary | None = None
    """RealTime or TimeSharing: it beats, scheduled so. ProbesDown: it beats and sees nothing. Silent: it does not
    beat."""
    hardware: Parts = ()
    """Hardware parts that failed or are likely to."""
    hardware_summary: HardwareSummary | None = None
    """The worst of its hardware parts."""
    storage_paths: Parts = ()
    """Storage paths that are not as they should be."""
    watchdog: Watchdog = "None"
    """Whether a hardware watchdog resets the hypervisor when its agent may not go on."""
    conditions: Conditions = ()
    """Aspects of its state."""


def hardware_summary(parts: Iterable[FaultyPart]) -> HardwareSummary:
    """Text of ``status.hardwareSummary``."""
    faults = {part.fault for part in parts}
    return "Failed" if "hardware.failed" in faults else "Degraded" if faults else "OK"


def agent_summary(state: State | None, agents: tuple[AgentStatus, ...]) -> AgentSummary | None:
    """Text of ``status.agentSummary``; None where no agent was ever heard."""
    if not agents:
        return None
    if state in {"Down", "AgentLost", "Left"}:
        return "Silent"
    if any(agent.probes_down for agent in agents):
        return "ProbesDown"
    return "RealTime" if all(agent.real_time for agent in agents) else "TimeSharing"


class Hypervisor(KubeObject):
    """A node that runs VMs, as the sentinels see it. Made by them for every governed node with an agent."""

    info: ClassVar = KindInfo(
        kind="Hypervisor",
        plural="hypervisors",
        singular="hypervisor",
        short_names=("hv",),
        namespaced=False,
        columns=(
            Column("State", ".status.state"),
            Column("VMs", ".status.vms", "integer", "VMs that its agent names"),
            Column("Agents", ".status.agentSummary"),
            Column("Hardware", ".status.hardwareSummary"),
            Column("Since", ".status.since", "date", "When it got into this state"),
            Column("Reason", ".status.reason", "string", "Why it is in this state", 1),
            Column("Watchdog", ".status.watchdog", "string", "Whether one guards it", 1),
            Column("Boot", ".status.bootID", "string", "Boot that was heard last", 1),
        ),
    )

    spec: HypervisorSpec = HypervisorSpec()
    """Nothing can be set yet."""
    status: HypervisorStatus | None = None
    """What the sentinels see."""


def parse(obj: object) -> Hypervisor:
    """Read a Hypervisor.

    Raises:
        InvalidObject: it must not be acted on.
    """
    return Hypervisor.parse(obj)
