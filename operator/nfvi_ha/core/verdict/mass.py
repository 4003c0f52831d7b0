"""Mass failure: so many hypervisors fall silent together that the cause is elsewhere (invariant 4).

Each is reported all the same; the root says that recovery is held. Out of it leads the return of more than half of
those concerned, or somebody's name.
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

    def judge(self, sitting: Sitting, failing: list[tuple[Node, Finding]], watched: list[Node]) -> None:
        """Raise what was found failed, as one of many or by itself."""
        if failing and not self.active:
            self._maybe_begin(sitting, failing, watched)
        for node, finding in failing:
            held = self.active and not node.mass_excused
            sitting.out += alarms.raise_host(node, finding, mass=held)
            node.goodbye = None
            if held:
                self.members.add(node.name)
                sitting.become(node, NodeState.MASS_FAILURE, REASON_TOO_MANY)
            else:
                sitting.become(node, finding.state, finding.reason)
        if self.active:
            self._maybe_end(sitting)

    def release(self, sitting: Sitting, by: str) -> None:
        """Somebody takes it on his name that the rest may be recovered."""
        if self.active:
            self._end(sitting, f"released by {by}", REASON_RELEASED)

    def recall(self, episode: int, members: list[Node]) -> None:
        """One that was open when this seat started."""
        self.active, self.episode = True, max(self.episode, episode)
        self.members |= {node.name for node in members}

    def _maybe_begin(self, sitting: Sitting, failing: list[tuple[Node, Finding]], watched: list[Node]) -> None:
        found = {node.name for node, _ in failing}
        down = [node for node in watched if node.name in found or _down(sitting, node)]
        down = [node for node in down if not node.mass_excused]
        if len(down) <= limit(len(watched), sitting.policy):
            return
        self.active = True
        message = f"{len(down)} of {len(watched)} hypervisors are down within {sitting.policy.mass_window_seconds:g} s"
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
        for node in down:
            if node.state in FAILED_STATES:
                self.members.add(node.name)
                sitting.become(node, NodeState.MASS_FAILURE, REASON_TOO_MANY)

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
