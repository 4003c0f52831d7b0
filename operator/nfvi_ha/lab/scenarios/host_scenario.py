"""What a scenario on a host, a network or one of our own processes is: a fault, and what must, and must not, follow."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from nfvi_ha.lab.faults import Injection
from nfvi_ha.lab.play import Session


@dataclass(frozen=True, slots=True)
class Target:
    """What is hit. Words about it are found by its names."""

    nodes: Sequence[str]
    """The hypervisors that are hit; of a fault on something else, one to look at."""
    seat: int
    """The sentinel that is hit, where one is."""
    random: Random
    notes: dict[str, str] = field(default_factory=dict)
    """What the injection leaves for the restoration and for the words, e.g. the name of an operator's replica."""

    @property
    def node(self) -> str:
        """The first of the hypervisors."""
        return self.nodes[0]

    def names(self) -> dict[str, str]:
        """For ``Word.about``."""
        return {"node": self.node, "seat": str(self.seat), **self.notes}


@dataclass(frozen=True, slots=True)
class Word:
    """A notification about a thing."""

    kind: str
    """Of the fault."""
    about: str
    """The event's subject, with {node}, {seat} and what the target's notes have."""
    measure: str = "notified_ms"
    """Under which its time is kept."""
    cause: str = ""
    """The cause that it must have; "" for any."""
    state: str = "raised"
    within_seconds: float = 30.0
    """How long it is waited for; a generous bound, no measure."""
    outage: str = ""
    """Under which the milliseconds are kept that its message speaks of, e.g. of a measured failover; "" for none."""
    outage_at_most_ms: float = 1000.0
    """More than so many are a failure of the run."""
    each_node: bool = False
    """One for every node that is hit; the last one's time counts."""


Act = Callable[[Session, Target], Awaitable[Injection]]


@dataclass(frozen=True, slots=True)
class HostScenario:
    """One fault at a time on something that is not a VM."""

    name: str
    summary: str
    inject: Act
    words: tuple[Word, ...] = ()
    """What must be told after the fault."""
    forbidden: tuple[str, ...] = ()
    """Kinds of faults of which none may be raised, on anything, until the run's end."""
    restore: Act | None = None
    cleared: tuple[Word, ...] = ()
    """What must be told after the restoration; times count from it."""
    vms_fail: bool = False
    """Whether the VMs of the host must each be told as failed, as children of the first word's incident."""
    replaced_early: bool = False
    """Whether VMs may be replaced before the restoration."""
    quiet_seconds: float = 1.5
    """How long it is watched for what may not come; beyond the settle time after which recovery would begin."""
    nodes_hit: int = 1
    hypervisors: int = 4
    """How many a lab of its own has."""
    operators: int = 1
    needs_links: bool = False
    """Whether it makes sense only where links can be cut."""
    without_vms: bool = False
    """Whether the host must be empty."""
    detection: str = "agents and sentinels"
