"""One sitting of the seat: the moment, what it may decide by, and what comes of it."""

from collections.abc import Mapping, Sequence
from typing import Final

from nfvi_ha.core.verdict.ballot import Agreement, Tally, tally
from nfvi_ha.core.verdict.inputs import Opinion, Reach
from nfvi_ha.core.verdict.node import Node
from nfvi_ha.core.verdict.outputs import AskPeers, CastVote, NodeState, Output, Probe, StateChanged
from nfvi_ha.core.verdict.peers import choose_peers
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.proofs import NEVER
from nfvi_ha.core.verdict.seats import Seats

PROBES_PER_NODE_SECONDS: Final = 0.001
"""Probing slows down with the number of hosts that hang on probes, to 1,000 probes a second at most."""


class Sitting:
    """What all decisions of one moment share."""

    __slots__ = (
        "_doubting",
        "_judges",
        "leases_tell",
        "names",
        "nodes",
        "now",
        "out",
        "policy",
        "probe_period",
        "seats",
    )

    def __init__(
        self,
        now: float,
        policy: VerdictPolicy,
        seats: Seats,
        nodes: Mapping[str, Node],
        names: Sequence[str],
        *,
        unsteady: int,
        leases_tell: bool,
    ) -> None:
        self.now = now
        self.policy = policy
        self.seats = seats
        self.nodes = nodes
        self.names = names
        self.leases_tell = leases_tell
        self.out: list[Output] = []
        self.probe_period = max(policy.revote_seconds, PROBES_PER_NODE_SECONDS * unsteady)
        self._doubting: bool | None = None
        self._judges: bool | None = None

    @property
    def judges(self) -> bool:
        """Whether this seat may say now that something is silent."""
        if self._judges is None:
            self._judges = self.seats.may_judge(self.now, self.policy, deaf=self.doubting)
        return self._judges

    @property
    def judges_since(self) -> float:
        """Since when it may."""
        return self.seats.judges_since(self.policy, deaf=self.doubting)

    @property
    def doubting(self) -> bool:
        """Whether this seat hears no hypervisor at all, of two or more that it has heard, or that it should have."""
        if self._doubting is None:
            self._doubting = self._hears_nobody()
            if self._doubting:
                self.seats.deaf(self.now)
        return self._doubting

    def _hears_nobody(self) -> bool:
        expected = known = heard = 0
        for node in self.nodes.values():
            if node.governed:
                if not node.silent(self.now):
                    return False
                expected += 1
                known += node.has_history
                heard += node.latest != NEVER
        return known >= 2 or (expected >= 2 and not heard)

    def lease_stale(self, node: Node) -> bool:
        """Whether its Lease is stale and that tells something: if most are, it is the API server's trouble."""
        return node.lease_stale and self.leases_tell

    def agreement(self, node: Node) -> Agreement:
        """How well this seat's finding that it is silent is backed."""
        return self.tally(node).agreement(self.seats.total, doubting=self.doubting)

    def become(self, node: Node, state: NodeState, reason: str) -> None:
        """Change its state, and say so."""
        if node.state is not state:
            node.became(state, self.now)
            self.out.append(StateChanged(node.name, state, reason))

    def suspect(self, node: Node, reason: str) -> None:
        """Begin to doubt it: vote, probe and have it probed, all at once."""
        node.suspect_since = self.now
        self.become(node, NodeState.SUSPECT, reason)
        self.vote(node)
        self.probe(node)

    def tally(self, node: Node) -> Tally:
        """The other seats' votes that count now; at the quiet pace they come, and live, longer."""
        return self._tally(node, self._vote_life(node))

    def fresh_tally(self, node: Node) -> Tally:
        """Those of seats that have just spoken."""
        return self._tally(node, self.policy.vote_life_seconds)

    def _vote_life(self, node: Node) -> float:
        policy = self.policy
        if node.state is not NodeState.SUSPECT or node.open_host_fault() is not None:
            return policy.quiet_vote_life_seconds
        if node.has_history:
            return policy.vote_life_seconds
        # It never heard the host: to the others the matter may be an old one, of which they vote at the quiet pace. But
        # they answered when it began to doubt. Who did not may be gone, and the host back.
        return min(policy.quiet_vote_life_seconds, self.now - node.suspect_since + policy.vote_life_seconds)

    def _tally(self, node: Node, life_seconds: float) -> Tally:
        return tally(node.ballot.current(self.now, life_seconds, self.seats, self.policy))

    def probe(self, node: Node, period_seconds: float = 0.0) -> None:
        """Probe it and have it probed, unless that was asked for within the period."""
        if self.now - node.probed_at < period_seconds:
            return
        node.probed_at = self.now
        self.out.append(Probe(node.name))
        peers = choose_peers(node, self.names, self.nodes, self.policy.peers, self.seats.own)
        if peers:
            self.out.append(AskPeers(node.name, tuple(peers)))

    def vote(self, node: Node, period_seconds: float = 0.0) -> None:
        """Tell the other seats what this one hears of it, unless that was said within the period."""
        if self.now - node.cast_at < period_seconds:
            return
        node.cast_at = self.now
        self.out.append(self.opinion(node))

    def opinion(self, node: Node) -> CastVote:
        """What this seat says of it now. That it hears it, it may say at any time: there is nothing to judge."""
        by, dark = Reach.NONE, 0
        if not node.silent(self.now):
            opinion = Opinion.REACHABLE
            for network in node.dark:
                dark |= 1 << network
        elif self.judges:
            opinion = Opinion.SILENT
            by = node.proofs.shared(self.now, 1.5 * self.probe_period)
            if self.doubting:
                by |= Reach.NOBODY
        else:
            opinion = Opinion.ABSTAIN
        if node.goodbye is not None:
            by |= Reach.LEFT
        return CastVote(node.name, node.boot_id, opinion, by, dark, node.episode)
