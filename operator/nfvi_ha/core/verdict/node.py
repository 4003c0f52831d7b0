"""What one seat knows of one hypervisor. The only mutable record of this package."""

from dataclasses import dataclass

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.ballot import Ballot
from nfvi_ha.core.verdict.goodbye import Goodbye
from nfvi_ha.core.verdict.inputs import NodeFacts
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.proofs import NEVER, Proofs

STEADY_STATES = frozenset({NodeState.UP, NodeState.NETWORK_FAULT})
FAILED_STATES = frozenset({NodeState.FAILED, NodeState.HUNG, NodeState.MASS_FAILURE})
HOST_FAULTS = (FaultKind.HYPERVISOR_FAILED, FaultKind.AGENT_LOST, FaultKind.HYPERVISOR_UNREACHABLE)
"""At most one of them is open on a hypervisor; the gravest first."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A fault that this seat raised, or found on record, and did not clear."""

    boot_id: str
    episode: int


@dataclass(slots=True)
class Dark:
    """A network on which a hypervisor that is heard elsewhere is silent."""

    since: float
    heard_since: float = NEVER
    cast_at: float = NEVER


class Node:
    """A hypervisor as this seat sees it. Plain attributes: the hot path touches three of them."""

    __slots__ = (
        "ballot",
        "boot_id",
        "cast_at",
        "closed",
        "dark",
        "denied_since",
        "departed_at",
        "down_since",
        "episode",
        "facts",
        "goodbye",
        "incarnation",
        "last",
        "latest",
        "lease_stale",
        "limit",
        "look_at",
        "mass_excused",
        "name",
        "previous_boot",
        "probed_at",
        "proofs",
        "raised",
        "real_time",
        "rebooted",
        "return_since",
        "self_slow",
        "since",
        "state",
        "steady",
        "suspect_since",
        "vms_reported",
    )

    def __init__(self, name: str, facts: NodeFacts, now: float) -> None:
        self.name = name
        self.facts = facts
        self.boot_id = ""
        """"" until the first beat: this seat has no history of it."""
        self.previous_boot = ""
        self.incarnation = 0
        self.episode = 0
        """Of the next outage; the seats keep it equal by votes and, across restarts, by the agent's beats."""
        self.closed: dict[tuple[FaultKind, str], int] = {}
        """Last episode that was cleared in this boot."""
        self.real_time = True
        self.self_slow = False
        self.limit = 0.0
        """Silence that makes it suspect, by what its agent says of its scheduling."""
        self.last: dict[int, float] = {}
        """Last beat by network index."""
        self.latest = NEVER
        """Last beat on any network."""
        self.state = NodeState.UNKNOWN
        self.since = now
        self.steady = False
        """Up, so that a beat that says nothing new has nothing to do but to be noted."""
        self.suspect_since = NEVER
        self.down_since = NEVER
        """When the outage began that it is in."""
        self.return_since = NEVER
        self.denied_since = NEVER
        self.rebooted = False
        self.raised: dict[tuple[FaultKind, str], Raised] = {}
        self.dark: dict[int, Dark] = {}
        self.ballot = Ballot()
        self.proofs = Proofs()
        self.goodbye: Goodbye | None = None
        self.vms_reported = False
        self.lease_stale = False
        self.look_at = NEVER
        """A failed host is not looked at again before that."""
        self.cast_at = NEVER
        self.probed_at = NEVER
        self.mass_excused = False
        """Released from a mass failure: it counts for no other one."""
        self.departed_at: float | None = None

    @property
    def has_history(self) -> bool:
        """Whether this seat heard it since the seat started, or found a fault of it on record."""
        return bool(self.boot_id)

    @property
    def governed(self) -> bool:
        """Whether it is judged."""
        return self.facts.governed and self.departed_at is None

    def silent(self, now: float) -> bool:
        """Whether nothing was heard on any network for the suspicion time."""
        return now - self.latest > self.limit

    def limits(self, policy: VerdictPolicy) -> None:
        """Take over the suspicion time that fits what its agent says of itself."""
        quick = self.real_time and not self.self_slow
        self.limit = policy.suspect_seconds if quick else policy.suspect_slow_seconds

    def open_host_fault(self) -> tuple[FaultKind, Raised] | None:
        """The fault of the whole host that is open, if any."""
        for kind in HOST_FAULTS:
            if (kind, "") in self.raised:
                return kind, self.raised[kind, ""]
        return None

    def next_episode(self, kind: FaultKind, network: str) -> int:
        """A fault that ended and comes again within one outage counts up by itself."""
        return max(self.episode, self.closed.get((kind, network), -1) + 1)

    def outage_over(self) -> None:
        """The next one has higher episodes, on all seats."""
        self.episode = max(self.episode, max(self.closed.values(), default=-1) + 1)

    def became(self, state: NodeState, now: float) -> None:
        """Another state."""
        self.state, self.since = state, now
        self.steady = state in STEADY_STATES
