"""Mass failure: so many hypervisors fall silent together that the cause is elsewhere (invariant 4).

Each is reported all the same; the root says that recovery is held. Out of it leads the return of more than half of
those concerned, or somebody's name. A host that fails when it has long begun is no part of it: that is judged by
itself.
"""

import math
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind, Severity
from nfvi_ha.core.verdict import alarms
from nfvi_ha.core.verdict.ballot import Agreement
from nfvi_ha.core.verdict.classify import Finding
from nfvi_ha.core.verdict.node import FAILED_STATES, Node
from nfvi_ha.core.verdict.outputs import Clear, NodeState, Raise
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.proofs import NEVER
from nfvi_ha.core.verdict.sitting import Sitting

REASON_TOO_MANY: Final = "TooManyAtOnce"
REASON_RELEASED: Final = "Released"
REASON_MAJORITY_RETURNED: Final = "MajorityReturned"

DOWN_STATES: Final = FAILED_STATES | {NodeState.SUSPECT, NodeState.RETURNING}


def limit(total: int, policy: VerdictPolicy) -> int:
    """How many of ``total`` governed hypervisors may be down together without it being a mass failure.

    With one or two hypervisors that is none: there is nowhere to recover to by the default of 51 % healthy.
    """
    share = max(policy.mass_minimum, math.floor(policy.mass_fraction * total))
    return max(0, min(share, total - math.ceil(policy.min_healthy * total)))


class MassWatch:
    """Whether a mass failure is on, and who is in it."""

    def __init__(self) -> None:
        self.active = False
        self.members: set[str] = set()
        self.episode = 0
        self._latest = NEVER
        """When the outage of the last that joined began."""
        self._noted: set[str] = set()
        """Members by the record of a mass failure that is itself not recalled yet."""

    def judge(self, sitting: Sitting, failing: list[tuple[Node, Finding]], watched: list[Node]) -> None:
        """Raise what was found failed, as one of many or by itself."""
        if failing:
            self._maybe_take_in(sitting, failing, watched)
        for node, finding in failing:
            held = self.active and not node.mass_excused and self._joins(sitting, node)
            sitting.out += alarms.raise_host(node, finding, mass=held)
            node.goodbye = None
            if held:
                self._join(sitting, node)
            else:
                self.members.discard(node.name)
                sitting.become(node, finding.state, finding.reason)
        if self.active:
            self._maybe_end(sitting)

    def release(self, sitting: Sitting, by: str) -> None:
        """Somebody takes it on his name that the rest may be recovered."""
        if self.active:
            self._end(sitting, f"released by {by}", REASON_RELEASED)

    def recall(self, sitting: Sitting, episode: int) -> None:
        """One that is open on record."""
        self.episode = max(self.episode, episode)
        noted, self._noted = self._noted, set()
        if self.active:
            return
        self.active, self.members, self._latest = True, set(), sitting.now
        for node in [sitting.nodes[name] for name in noted if name in sitting.nodes]:
            self.recall_member(sitting, node)

    def recall_member(self, sitting: Sitting, node: Node) -> None:
        """A host whose failure on record belongs to the mass failure that is open, if there is one."""
        if not self.active:
            self._noted.add(node.name)
            return
        self.members.add(node.name)
        if node.state in FAILED_STATES:
            sitting.become(node, NodeState.MASS_FAILURE, REASON_TOO_MANY)

    def _joins(self, sitting: Sitting, node: Node) -> bool:
        """Whether it fell silent within the window of the last that is in it.

        One that was in it and came back may fail by itself.
        """
        if node.down_since == NEVER:
            return node.name in self.members
        return node.down_since - self._latest <= sitting.policy.mass_window_seconds

    def _has(self, sitting: Sitting, node: Node) -> bool:
        return self.active and node.name in self.members and self._joins(sitting, node)

    def _join(self, sitting: Sitting, node: Node) -> None:
        self.members.add(node.name)
        self._latest = max(self._latest, node.down_since)
        sitting.become(node, NodeState.MASS_FAILURE, REASON_TOO_MANY)

    def _maybe_take_in(self, sitting: Sitting, failing: list[tuple[Node, Finding]], watched: list[Node]) -> None:
        found = {node.name for node, _ in failing}
        down = [node for node in watched if node.name in found or _down(sitting, node)]
        down = [node for node in down if not node.mass_excused and not self._has(sitting, node)]
        if len(down) <= limit(len(watched), sitting.policy):
            return
        if not self.active:
            self._begin(sitting, len(down), len(watched))
        self._latest = max((node.down_since for node in down if node.down_since != NEVER), default=sitting.now)
        for node in down:
            if node.state in FAILED_STATES:
                self._join(sitting, node)

    def _begin(self, sitting: Sitting, down: int, watched: int) -> None:
        self.active, self.members = True, set()
        message = f"{down} of {watched} hypervisors are down within {sitting.policy.mass_window_seconds:g} s"
        sitting.out.append(
            Raise(
                kind=FaultKind.MASS_FAILURE,
                node="",
                network="",
                cause=REASON_TOO_MANY,
                message=f"{message}; recovery is held",
                severity=Severity.CRITICAL,
                confidence=Confidence.HIGH,
                boot_id="",
                episode=self.episode,
            )
        )

    def _maybe_end(self, sitting: Sitting) -> None:
        nodes = sitting.nodes
        down = [name for name in self.members if name in nodes and nodes[name].state in DOWN_STATES]
        if 2 * len(down) < len(self.members) or not self.members:
            self._end(sitting, "most of the hypervisors concerned are back", REASON_MAJORITY_RETURNED)

    def _end(self, sitting: Sitting, message: str, reason: str) -> None:
        sitting.out.append(Clear(FaultKind.MASS_FAILURE, "", "", "", self.episode, message))
        for name in sorted(self.members):
            node = sitting.nodes.get(name)
            if node is not None:
                node.mass_excused = True
                if node.state is NodeState.MASS_FAILURE:
                    sitting.become(node, NodeState.FAILED, reason)
        self.active = False
        self.members = set()
        self.episode += 1


def _down(sitting: Sitting, node: Node) -> bool:
    """Failed and not back, or silent by the word of a quorum, since no longer than the window."""
    if sitting.now - node.down_since > sitting.policy.mass_window_seconds:
        return False
    if node.state is NodeState.SUSPECT:
        return sitting.agreement(node) is Agreement.QUORUM and not sitting.tally(node).denied
    failed = (FaultKind.HYPERVISOR_FAILED, "") in node.raised
    return node.state in FAILED_STATES or (node.state is NodeState.RETURNING and failed)
