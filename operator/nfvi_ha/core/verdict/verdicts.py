"""The verdicts of one seat on all hypervisors: what goes in, what comes out (DESIGN section 4)."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict import arrival, networks
from nfvi_ha.core.verdict.classify import Finding
from nfvi_ha.core.verdict.goodbye import accept
from nfvi_ha.core.verdict.inputs import Method, NodeFacts, Opinion, Outcome, Vote
from nfvi_ha.core.verdict.mass import MassWatch
from nfvi_ha.core.verdict.node import Node
from nfvi_ha.core.verdict.outputs import NOTHING, NodeState, Outputs
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.recall import recall_fault
from nfvi_ha.core.verdict.roster import Roster
from nfvi_ha.core.verdict.seats import Seats
from nfvi_ha.core.verdict.sitting import Sitting
from nfvi_ha.core.verdict.stall import forgive
from nfvi_ha.core.verdict.watch import watch

SWEEP_SECONDS: Final = 0.1
"""Single networks are looked at in each beat period; whole hosts in each tick."""


class Verdicts:
    """One seat's judgement. No I/O: times are passed in (monotonic seconds), what is to be done is given back.

    Beats must be drained from the socket before ``tick``: what waits there is not silence.
    """

    def __init__(self, seat: int, policy: VerdictPolicy, seats: int = 3) -> None:
        self._policy = policy
        self._seats = Seats(seat, seats)
        self._roster = Roster()
        self._nodes = self._roster.nodes
        self._mass = MassWatch()
        self._ticked: float | None = None
        self._swept = float("-inf")
        self._forgiven_to = float("-inf")

    def set_roster(self, nodes: Mapping[str, NodeFacts], now: float) -> Outputs:
        """The hypervisors that are expected. One that is left out is forgotten after a while, not at once."""
        self._seats.start(now)
        sitting = self._sitting(now)
        self._roster.set(sitting, nodes)
        return tuple(sitting.out)

    def set_policy(self, policy: VerdictPolicy, now: float) -> None:
        """Other numbers; what was decided stays decided."""
        self._seats.start(now)
        self._policy = policy
        for node in self._nodes.values():
            node.limits(policy)

    def heard(
        self,
        node: str,
        network: int,
        boot_id: str,
        incarnation: int,
        real_time: bool,
        self_slow: bool,
        episode: int,
        now: float,
    ) -> Outputs:
        """One verified beat. The hot path: of a host that is up and says nothing new, only the time is noted."""
        known = self._nodes.get(node)
        if known is None:
            return NOTHING
        if (
            known.steady
            and boot_id == known.boot_id
            and incarnation == known.incarnation
            and real_time == known.real_time
            and self_slow == known.self_slow
            and episode <= known.episode
        ):
            known.last[network] = known.latest = now
            return NOTHING
        if boot_id == known.previous_boot:
            return NOTHING  # a datagram that was long on its way: no host goes back to an earlier boot
        sitting = self._sitting(now)
        beat = arrival.Beat(network, boot_id, incarnation, real_time, self_slow, episode)
        arrival.arrived(sitting, known, beat)
        return tuple(sitting.out)

    def left(self, node: str, boot_id: str, reason: str, seconds: float, now: float) -> Outputs:
        """A verified GOODBYE. One of another boot than was heard last says nothing of this one."""
        known = self._nodes.get(node)
        if known is None or boot_id != (known.boot_id or boot_id):
            return NOTHING
        known.boot_id = boot_id
        known.goodbye = accept(reason, seconds, known.incarnation, known.goodbye, now, self._policy)
        if known.state is NodeState.LEFT:
            return NOTHING
        known.vms_reported = False
        sitting = self._sitting(now)
        sitting.become(known, NodeState.LEFT, f"Goodbye{reason.capitalize()}")
        return tuple(sitting.out)

    def probed(self, node: str, network: int, method: Method, outcome: Outcome, by: str, now: float) -> Outputs:
        """The result of one probe of this seat (``by`` is "") or of a peer. Only healthy peers are believed."""
        known = self._nodes.get(node)
        if known is None or known.steady or by == node:
            return NOTHING
        peer = self._nodes.get(by) if by else None
        if by and (peer is None or not peer.steady or peer.silent(now)):
            return NOTHING
        news = known.proofs.probed(method, outcome, by_peer=bool(by), now=now)
        if not news or known.state is not NodeState.SUSPECT:
            return NOTHING
        sitting = self._sitting(now)
        sitting.vote(known)  # the others may be about to decide without it
        return tuple(sitting.out)

    def voted(self, vote: Vote, now: float) -> Outputs:
        """A verified vote of another seat. One that doubts, while we can tell more, is answered."""
        self._seats.heard(vote.seat, vote.incarnation, now, self._policy)
        known = self._nodes.get(vote.node)
        if known is None or vote.seat == self._seats.own or not 0 <= vote.seat < self._seats.total:
            return NOTHING
        news = known.ballot.put(vote, now, self._policy)
        if vote.boot_id == known.boot_id or not known.boot_id:
            known.episode = max(known.episode, vote.episode)
        if vote.opinion is Opinion.SILENT and self._seats.may_vote(vote.seat, vote.incarnation, now, self._policy):
            known.proofs.told(vote.by, now)
        if vote.opinion is not Opinion.SILENT and not vote.dark:
            return NOTHING
        sitting = self._sitting(now)
        mine = sitting.opinion(known)
        if news or mine.opinion is not vote.opinion or mine.dark != vote.dark:
            sitting.vote(known, 0.9 * self._policy.revote_seconds)
        return tuple(sitting.out)

    def seat_heard(self, seat: int, incarnation: int, now: float) -> Outputs:
        """A verified beat of a seat. Our own number means that somebody else believes to sit here."""
        self._seats.heard(seat, incarnation, now, self._policy)
        return NOTHING

    def lease(self, node: str, stale: bool, now: float) -> Outputs:
        """Whether its Lease was seen to be stale (> 30 s). A feed that stands still tells nothing new."""
        self._roster.lease(node, stale=stale)
        return NOTHING

    def recall(
        self, kind: FaultKind, node: str, network: str, boot_id: str, episode: int, now: float, *, of_mass: bool = True
    ) -> Outputs:
        """A fault that is open on record, so that it is cleared when it is over.

        Where a mass failure is open on record, too, a host's failure belongs to it unless ``of_mass`` is False.
        """
        self._seats.start(now)
        sitting = self._sitting(now)
        if kind is FaultKind.MASS_FAILURE:
            self._mass.recall(sitting, episode)
        known = self._nodes.get(node)
        if known is not None:
            recall_fault(sitting, known, kind, network, boot_id, episode)
            if kind is FaultKind.HYPERVISOR_FAILED and of_mass and known.state is NodeState.FAILED:
                self._mass.recall_member(sitting, known)
        return tuple(sitting.out)

    def stalled(self, seconds: float, now: float) -> None:
        """This process stood still for so long: that is nobody's silence, and it abstains for two beat periods.

        ``tick`` finds it out by itself; telling it twice does no harm.
        """
        span = now - max(now - seconds, self._forgiven_to)
        if span <= 0:
            return
        self._forgiven_to = now
        self._seats.abstain(now + self._policy.abstain_seconds)
        for node in self._nodes.values():
            forgive(node, span, now)

    def release_mass(self, by: str, now: float) -> Outputs:
        """Somebody with a name says that the rest may be recovered."""
        sitting = self._sitting(now)
        self._mass.release(sitting, by)
        return tuple(sitting.out)

    def tick(self, now: float) -> Outputs:
        """Judge. To be called every 20 ms, after the socket was drained."""
        self._seats.start(now)
        if self._ticked is not None and now - self._ticked > self._policy.stall_seconds:
            self.stalled(now - self._ticked, now)
        self._ticked = now
        watched = self._roster.watched
        doubtful = [node for node in watched if not node.steady or now - node.latest > node.limit]
        sweep = now - self._swept >= SWEEP_SECONDS
        if not doubtful and not sweep and not self._mass.active:
            return NOTHING
        sitting = self._sitting(now, len(doubtful))
        failing: list[tuple[Node, Finding]] = []
        for node in doubtful:
            finding = watch(sitting, node)
            if finding is not None:
                failing.append((node, finding))
        self._mass.judge(sitting, failing, watched)
        if sweep:
            self._swept = now
            networks.sweep(sitting, [node for node in watched if node.steady])
            self._roster.drop_departed(sitting)
        return tuple(sitting.out)

    def state(self, node: str) -> NodeState:
        """What it is held for; Unknown when it is not in the roster."""
        known = self._nodes.get(node)
        return known.state if known is not None else NodeState.UNKNOWN

    def episode(self, node: str) -> int:
        """The episode of its own faults: what answers tell its agent, so that it survives us. 0 for a stranger."""
        known = self._nodes.get(node)
        return known.episode if known is not None else 0

    def summary(self) -> Counter[NodeState]:
        """How many governed hypervisors are in which state."""
        return Counter(node.state for node in self._roster.watched)

    def _sitting(self, now: float, unsteady: int = 1) -> Sitting:
        roster = self._roster
        return Sitting(
            now,
            self._policy,
            self._seats,
            roster.nodes,
            roster.names,
            unsteady=unsteady,
            leases_tell=roster.leases_tell,
        )
