"""The verdict on a silent hypervisor: a chain of guards from what is known to what it is called (DESIGN section 4).

The first guard that has an answer decides; None means: not known yet, look again at the next tick.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict import outputs
from nfvi_ha.core.verdict.ballot import Agreement, Tally
from nfvi_ha.core.verdict.outputs import NodeState


@dataclass(frozen=True, slots=True)
class Silence:
    """All that is known of a hypervisor whose beats are not heard."""

    tally: Tally
    agreement: Agreement
    has_history: bool
    """This seat heard it since the seat started."""
    left: bool
    """It said GOODBYE to this seat, and its time is not over."""
    answers: bool
    """Probes reach at least its kernel since the suspicion began."""
    served: bool
    """Probes were served (TCP accepted, UDP echo) since the suspicion began."""
    by_peers_only: bool
    tcp_tried: bool
    """A port that was open before was tried since then and did not accept."""
    lease_stale: bool
    alone_for_long: bool
    """The time in which the other seats should have spoken is over."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the silence is called, and the fault to raise for it (None: none)."""

    state: NodeState
    reason: str
    fault: FaultKind | None = None
    confidence: Confidence = Confidence.HIGH


Guard = Callable[[Silence], Finding | None]

REASON_HEARD_BY_OTHERS: Final = "HeardByOtherSeats"
REASON_GOODBYE_TOLD: Final = "GoodbyeToldByOtherSeat"
REASON_GOODBYE_HOLDS: Final = "ProbesAnswerAgain"
REASON_NEVER_HEARD: Final = "NeverHeard"
REASON_ISOLATED: Final = "SeatHearsNobody"


def goodbye_holds(silence: Silence) -> Finding | None:
    """Its agent was to be away and the host answers again: the doubt is over."""
    return Finding(NodeState.LEFT, REASON_GOODBYE_HOLDS) if silence.left and silence.answers else None


def heard_by_others(silence: Silence) -> Finding | None:
    """A healthy seat hears it: never failed, whatever the others say (invariant 3)."""
    return Finding(NodeState.OBSERVER_FAULT, REASON_HEARD_BY_OTHERS) if silence.tally.denied else None


def excused_by_others(silence: Silence) -> Finding | None:
    """Another seat took its GOODBYE."""
    return Finding(NodeState.LEFT, REASON_GOODBYE_TOLD) if silence.tally.left and not silence.left else None


def nobody_vouches(silence: Silence) -> Finding | None:
    """Nobody heard it since he started: an agent that was never there is not one that fell silent."""
    known = silence.has_history or silence.tally.vouched
    return None if known else Finding(NodeState.UNKNOWN, REASON_NEVER_HEARD)


def seat_cut_off(silence: Silence) -> Finding | None:
    """This seat hears nobody and nobody agrees with it: it speaks of itself, not of the host."""
    isolated = silence.agreement is Agreement.NOBODY and silence.alone_for_long
    return Finding(NodeState.OBSERVER_FAULT, REASON_ISOLATED) if isolated else None


def agent_lost(silence: Silence) -> Finding | None:
    """Something on it still works. With a stale Lease the kubelet does not, either: it hangs."""
    if not silence.served or not _knows(silence):
        return None
    quorum = silence.agreement is Agreement.QUORUM
    if silence.lease_stale and quorum:
        # Listening sockets are served by the kernel, so its VMs may well run: confidence low.
        return Finding(NodeState.HUNG, outputs.CAUSE_HUNG, FaultKind.HYPERVISOR_FAILED, Confidence.LOW)
    cause = outputs.CAUSE_PATH_LOST if silence.by_peers_only else outputs.CAUSE_AGENT_SILENT
    confidence = Confidence.HIGH if quorum else Confidence.LOW
    return Finding(NodeState.AGENT_LOST, cause, FaultKind.AGENT_LOST, confidence)


def only_kernel(silence: Silence) -> Finding | None:
    """Its kernel answers. That nothing above does is known only if a port that was open before was tried."""
    if not silence.answers or silence.served or not _knows(silence):
        return None
    if silence.agreement is not Agreement.QUORUM:
        return _unconfirmed()
    if silence.tcp_tried or silence.lease_stale:
        return Finding(NodeState.HUNG, outputs.CAUSE_HUNG, FaultKind.HYPERVISOR_FAILED)
    return Finding(NodeState.AGENT_LOST, outputs.CAUSE_KERNEL_ANSWERS, FaultKind.AGENT_LOST, Confidence.LOW)


def unreached(silence: Silence) -> Finding | None:
    """Nobody reaches it by anything."""
    if silence.answers or not _backed(silence):
        return None
    if silence.agreement is not Agreement.QUORUM:
        return _unconfirmed()
    return Finding(NodeState.FAILED, outputs.CAUSE_SILENT, FaultKind.HYPERVISOR_FAILED)


GUARDS: Final[tuple[Guard, ...]] = (
    goodbye_holds,
    heard_by_others,
    excused_by_others,
    nobody_vouches,
    seat_cut_off,
    agent_lost,
    only_kernel,
    unreached,
)


def classify(silence: Silence) -> Finding | None:
    """What to call it, once the time for votes and probes is over."""
    for guard in GUARDS:
        finding = guard(silence)
        if finding is not None:
            return finding
    return None


def _backed(silence: Silence) -> bool:
    """A quorum agrees, or this seat has waited long enough to speak for itself."""
    return silence.agreement is Agreement.QUORUM or (silence.agreement is Agreement.DOUBTED and silence.alone_for_long)


def _knows(silence: Silence) -> bool:
    """Whether this seat may say what still works on it: it heard it before, and its silence is backed.

    A seat that was restarted would take a failed host that boots for one whose agent is lost. Those who heard it fall
    silent know better.
    """
    return silence.has_history and _backed(silence)


def _unconfirmed() -> Finding:
    """Still only suspect, but said so."""
    return Finding(NodeState.SUSPECT, outputs.CAUSE_NO_QUORUM, FaultKind.HYPERVISOR_UNREACHABLE, Confidence.LOW)
