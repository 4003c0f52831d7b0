"""A hypervisor that is heard, but not on every network: NetworkFault.

A network on which a seat never heard a hypervisor is not judged: there is no history.
"""

from collections.abc import Sequence

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict import alarms
from nfvi_ha.core.verdict.inputs import Opinion, Vote
from nfvi_ha.core.verdict.node import Dark, Node
from nfvi_ha.core.verdict.outputs import CAUSE_NETWORK_SILENT, NodeState
from nfvi_ha.core.verdict.proofs import NEVER
from nfvi_ha.core.verdict.sitting import Sitting
from nfvi_ha.core.verdict.watch import REASON_RETURNED, up_state


def sweep(sitting: Sitting, steady: Sequence[Node]) -> None:
    """Look for networks that fell silent, or are heard again, on hypervisors that are up."""
    now, extra = sitting.now, sitting.policy.network_seconds
    for node in steady:
        if node.dark or node.state is NodeState.NETWORK_FAULT or now - min(node.last.values()) > node.limit + extra:
            _judge(sitting, node)


def _judge(sitting: Sitting, node: Node) -> None:
    names = _names(sitting, node)
    _adopt(sitting, node, names)
    for network, last in node.last.items():
        if network >= len(names):
            continue
        quiet = sitting.now - last
        known = node.dark.get(network)
        if known is not None:
            _follow(sitting, node, network, known, heard=quiet <= node.limit)
        elif quiet > node.limit + sitting.policy.network_seconds:
            node.dark[network] = Dark(sitting.now)
            sitting.vote(node)
    state = up_state(node)
    if state is not node.state:
        sitting.become(node, state, CAUSE_NETWORK_SILENT if node.dark else REASON_RETURNED)


def _adopt(sitting: Sitting, node: Node, names: tuple[str, ...]) -> None:
    """Faults found on record are followed as those found here; of a network that is no more they are over."""
    for kind, name in tuple(node.raised):
        if not name:
            continue
        if name in names:
            node.dark.setdefault(names.index(name), Dark(sitting.now))
        else:
            sitting.out += alarms.clear(node, kind, name, alarms.CLEARED_NO_NETWORK)
    for network in [network for network in node.dark if network >= len(names)]:
        del node.dark[network]


def _follow(sitting: Sitting, node: Node, network: int, dark: Dark, *, heard: bool) -> None:
    """Raise it when another seat says the same; clear it when it was heard steadily."""
    policy, now = sitting.policy, sitting.now
    name = _names(sitting, node)[network]
    if heard:
        dark.heard_since = now if dark.heard_since == NEVER else dark.heard_since
        raised = (FaultKind.HYPERVISOR_NETWORK, name) in node.raised
        if not raised or now - dark.heard_since >= policy.return_seconds:
            del node.dark[network]
            sitting.out += alarms.clear(node, FaultKind.HYPERVISOR_NETWORK, name, alarms.CLEARED_HEARD)
            node.outage_over()
        return
    dark.heard_since = NEVER
    urgent = now - dark.since <= policy.quiet_seconds
    sitting.vote(node, policy.revote_seconds if urgent else policy.quiet_seconds)
    if not sitting.judges or (FaultKind.HYPERVISOR_NETWORK, name) in node.raised:
        return
    confidence = _confidence(sitting, node, network, dark)
    if confidence is not None:
        sitting.out += alarms.raise_network(node, name, confidence)


def _confidence(sitting: Sitting, node: Node, network: int, dark: Dark) -> Confidence | None:
    """HIGH by the word of two seats; LOW alone, unless it may be this seat's own network; None: not (yet) a fault."""
    policy = sitting.policy
    votes = node.ballot.current(sitting.now, policy.quiet_vote_life_seconds, sitting.seats, policy)
    since = [vote for vote in votes if vote.opinion is Opinion.REACHABLE]
    if any(_dark_for(vote, network) for vote in since):
        return Confidence.HIGH
    if since or sitting.now - dark.since < policy.alone_seconds:
        return None
    having = [other for other in sitting.nodes.values() if other.steady and network in other.last]
    concerned = sum(1 for other in having if network in other.dark)
    return Confidence.LOW if 2 * concerned <= len(having) or len(having) == 1 else None


def _dark_for(vote: Vote, network: int) -> bool:
    return bool(vote.dark >> network & 1)


def _names(sitting: Sitting, node: Node) -> tuple[str, ...]:
    return node.facts.networks or sitting.policy.networks
