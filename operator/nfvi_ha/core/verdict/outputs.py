"""What a seat wants done. All of it may repeat; none of it flaps."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict.inputs import Opinion, Reach

CAUSE_SILENT: Final = "Silent"
CAUSE_HUNG: Final = "Hung"
CAUSE_REBOOTED: Final = "Rebooted"
CAUSE_MASS_FAILURE: Final = "MassFailure"
CAUSE_NO_QUORUM: Final = "NoQuorum"
CAUSE_AGENT_SILENT: Final = "AgentSilent"
CAUSE_PATH_LOST: Final = "PathLost"
CAUSE_KERNEL_ANSWERS: Final = "KernelAnswers"
CAUSE_NETWORK_SILENT: Final = "NetworkSilent"


class NodeState(StrEnum):
    """What a seat holds a hypervisor for."""

    UNKNOWN = "Unknown"
    """Never heard by this seat, and nobody who heard it says it is silent."""
    UP = "Up"
    SUSPECT = "Suspect"
    AGENT_LOST = "AgentLost"
    HUNG = "Hung"
    NETWORK_FAULT = "NetworkFault"
    OBSERVER_FAULT = "ObserverFault"
    """This seat does not hear it, another one does, or this seat hears nobody at all."""
    FAILED = "Failed"
    MASS_FAILURE = "MassFailure"
    """Failed, and its recovery is held."""
    LEFT = "Left"
    RETURNING = "Returning"


@dataclass(frozen=True, slots=True)
class Probe:
    """Probe it now on all its networks, by all methods."""

    node: str


@dataclass(frozen=True, slots=True)
class AskPeers:
    """Have these hypervisors probe it now."""

    node: str
    peers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CastVote:
    """Tell the other seats. Whoever sends it adds seat, incarnation and sequence."""

    node: str
    boot_id: str
    opinion: Opinion
    by: Reach
    dark: int
    episode: int


@dataclass(frozen=True, slots=True)
class Raise:
    """A fault is there."""

    kind: FaultKind
    node: str
    """"" for the mass failure's root."""
    network: str
    """Of HYPERVISOR_NETWORK only."""
    cause: str
    message: str
    severity: Severity
    confidence: Confidence
    boot_id: str
    """The boot that the fault ended or is on: the resource's incarnation."""
    episode: int
    with_vms: bool = False
    """Each VM of that boot that was not going is reported as failed, too. With kind VM_FAILED: only they are."""
    parent_mass: bool = False
    """Its parent is the mass failure's root, and its recovery is held."""


@dataclass(frozen=True, slots=True)
class Clear:
    """A fault is over."""

    kind: FaultKind
    node: str
    network: str
    boot_id: str
    episode: int
    message: str


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The seat holds it for something else now; ``reason`` is CamelCase."""

    node: str
    state: NodeState
    reason: str


Output = Probe | AskPeers | CastVote | Raise | Clear | StateChanged
Outputs = tuple[Output, ...]
NOTHING: Final[Outputs] = ()
