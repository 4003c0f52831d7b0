"""What a seat does about a hypervisor that is not simply up, state by state, at each tick."""

from collections.abc import Callable
from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict import alarms
from nfvi_ha.core.verdict.ballot import Agreement
from nfvi_ha.core.verdict.classify import REASON_HEARD_BY_OTHERS, Finding, Silence, classify
from nfvi_ha.core.verdict.node import FAILED_STATES, Node
from nfvi_ha.core.verdict.outputs import NodeState
from nfvi_ha.core.verdict.proofs import NEVER
from nfvi_ha.core.verdict.sitting import Sitting

REASON_SILENT: Final = "Silent"
REASON_HEARD: Final = "Heard"
REASON_RETURNED: Final = "Returned"
REASON_REBOOTED: Final = "Rebooted"
REASON_SERVES: Final = "Serves"
REASON_STOPPED_SERVING: Final = "StoppedServing"
REASON_LEASE_STALE: Final = "LeaseStale"
REASON_DENIAL_ENDED: Final = "DenialEnded"
REASON_OTHERS_SILENT: Final = "OtherSeatSaysSilent"
REASON_GOODBYE_OVER: Final = "GoodbyeOver"
REASON_GOODBYE_BROKEN: Final = "GoneDuringGoodbye"

PROOF_PERIODS: Final = 3.5
"""So many probes in a row must stay without an answer before a host that only they reach is doubted."""

CAUSE_AWAY: Final = "HypervisorLeft"


def watch(sitting: Sitting, node: Node) -> Finding | None:
    """Look at one hypervisor. A finding that it failed is given back: whether it is one of many is not known here."""
    handler = HANDLERS.get(node.state)
    return handler(sitting, node) if handler is not None else None


def heard_again(sitting: Sitting, node: Node, reason: str) -> None:
    """A beat of one that was silent. What was raised is not over before it is steady."""
    if node.open_host_fault() is None:
        node.suspect_since = node.down_since = NEVER
        sitting.become(node, up_state(node), reason)
    else:
        node.return_since = sitting.now
        sitting.become(node, NodeState.RETURNING, reason)
    if sitting.now - node.cast_at < sitting.policy.quiet_vote_life_seconds:
        sitting.vote(node)  # takes back what was said of it


def up_state(node: Node) -> NodeState:
    """Up, or up with a network missing."""
    faulty = any(network for _, network in node.raised)
    return NodeState.NETWORK_FAULT if faulty else NodeState.UP


def _up(sitting: Sitting, node: Node) -> None:
    if not node.silent(sitting.now):
        return
    node.down_since = sitting.now
    node.mass_excused = False
    sitting.suspect(node, REASON_SILENT)


def _unknown(sitting: Sitting, node: Node) -> None:
    """Never heard. Only another seat that heard it can make it suspect."""
    if not sitting.judges or node.ballot.empty:
        return
    tally = sitting.tally(node)
    if not tally.silent or not tally.vouched or tally.denied:
        return
    if not sitting.fresh_tally(node).silent:
        sitting.vote(node, sitting.policy.revote_seconds)  # asks those who said so a while ago: is it still so?
        return
    node.down_since = sitting.now
    sitting.suspect(node, REASON_OTHERS_SILENT)


def _suspect(sitting: Sitting, node: Node) -> Finding | None:
    policy, now = sitting.policy, sitting.now
    waiting = node.open_host_fault() is None or now - node.suspect_since <= policy.quiet_seconds
    pace = policy.revote_seconds if waiting else policy.quiet_seconds
    sitting.vote(node, pace)
    sitting.probe(node, max(pace, sitting.probe_period))
    if not sitting.judges or now - node.suspect_since < policy.confirm_seconds:
        return None
    finding = classify(_silence(sitting, node))
    if finding is not None and finding.state in FAILED_STATES:
        return finding
    if finding is not None:
        _settle(sitting, node, finding)
    return None


def _silence(sitting: Sitting, node: Node) -> Silence:
    tally, proofs, since = sitting.tally(node), node.proofs, node.suspect_since
    waited = sitting.now - max(since, sitting.judges_since)
    return Silence(
        tally=tally,
        agreement=sitting.agreement(node),
        has_history=node.has_history,
        left=node.goodbye is not None,
        answers=proofs.kernel_at >= since,
        served=proofs.served_at >= since,
        by_peers_only=proofs.by_peers_only,
        tcp_tried=proofs.tcp_tried_at >= since,
        lease_stale=sitting.lease_stale(node),
        alone_for_long=waited >= sitting.policy.alone_seconds,
    )


def _settle(sitting: Sitting, node: Node, finding: Finding) -> None:
    """A verdict other than failed."""
    if finding.state is NodeState.OBSERVER_FAULT and node.open_host_fault() is not None:
        # Raised already: what others hear must be steady, as what we hear ourselves. Being cut off tells nothing new.
        if finding.reason == REASON_HEARD_BY_OTHERS:
            _others_hear(sitting, node)
        return
    failed_before = (FaultKind.HYPERVISOR_FAILED, "") in node.raised
    if finding.fault is FaultKind.HYPERVISOR_UNREACHABLE and failed_before:
        # A quorum said more than this seat can say alone: what it said holds.
        sitting.become(node, NodeState.FAILED, finding.reason)
        return
    if finding.fault is not None:
        sitting.out += alarms.raise_host(node, finding, mass=False)
    sitting.become(node, finding.state, finding.reason)


def _denied_for_long(sitting: Sitting, node: Node, *, denied: bool) -> bool:
    if not denied:
        node.denied_since = NEVER
        return False
    if node.denied_since == NEVER:
        node.denied_since = sitting.now
    return sitting.now - node.denied_since >= sitting.policy.return_seconds


def _others_hear(sitting: Sitting, node: Node) -> bool:
    """Whether others have heard it long enough for what was raised to be over. Then it is cleared here, too."""
    if not _denied_for_long(sitting, node, denied=sitting.tally(node).denied):
        return False
    node.down_since = NEVER
    sitting.out += alarms.clear_host(node, alarms.CLEARED_OTHERS_HEAR)
    sitting.become(node, NodeState.OBSERVER_FAULT, REASON_HEARD_BY_OTHERS)
    return True


def _observer_fault(sitting: Sitting, node: Node) -> None:
    """Not heard here, heard elsewhere; or this seat hears nobody."""
    sitting.vote(node, sitting.policy.quiet_seconds)
    tally = sitting.tally(node)
    if tally.denied or not sitting.judges:
        return
    if tally.silent:
        sitting.suspect(node, REASON_OTHERS_SILENT)
    elif not sitting.doubting:
        sitting.suspect(node, REASON_DENIAL_ENDED)


def _agent_lost(sitting: Sitting, node: Node) -> None:
    policy, now = sitting.policy, sitting.now
    # Its votes are what keeps a seat that cannot reach it from calling it failed, so they come at the pace of probes.
    sitting.vote(node, sitting.probe_period)
    sitting.probe(node, sitting.probe_period)
    if not sitting.judges or _others_hear(sitting, node):
        return
    last = max(node.proofs.served_at, node.proofs.kernel_at if _only_kernel(node) else NEVER)
    if now - last > max(policy.proof_life_seconds, PROOF_PERIODS * sitting.probe_period):
        node.down_since = now
        sitting.suspect(node, REASON_STOPPED_SERVING)
    elif sitting.lease_stale(node) and sitting.agreement(node) is Agreement.QUORUM:
        sitting.suspect(node, REASON_LEASE_STALE)


def _only_kernel(node: Node) -> bool:
    """Held for AgentLost although no service of it is known that could be asked."""
    return node.proofs.served_at < node.suspect_since


def _failed(sitting: Sitting, node: Node) -> None:
    """Failed or hung: it is looked at slowly, and believed again only when it serves steadily."""
    policy = sitting.policy
    if sitting.now < node.look_at:
        return  # hundreds of failed hosts must not cost what suspects need
    node.look_at = sitting.now + policy.revote_seconds
    sitting.vote(node, policy.quiet_seconds)
    sitting.probe(node, policy.quiet_seconds)
    if not sitting.judges or _others_hear(sitting, node):
        return
    served_seconds = node.proofs.served_for(node.since, sitting.now)
    if served_seconds >= policy.service_return_seconds and not sitting.lease_stale(node):
        # Its beats are still missing, so the ordinary way decides what it is now.
        node.down_since = NEVER
        sitting.suspect(node, REASON_SERVES)


def _left(sitting: Sitting, node: Node) -> None:
    goodbye, now, policy = node.goodbye, sitting.now, sitting.policy
    if goodbye is None:
        _left_by_word_of_others(sitting, node)
        return
    silent = node.silent(now)
    if now >= goodbye.until:
        node.goodbye = None
        if silent:
            node.down_since = now
            sitting.suspect(node, REASON_GOODBYE_OVER)
        else:
            heard_again(sitting, node, REASON_GOODBYE_OVER)
        return
    if not silent:
        return
    sitting.vote(node, policy.quiet_seconds if node.vms_reported else policy.revote_seconds)
    sitting.probe(node, sitting.probe_period if goodbye.expects_answers else policy.quiet_seconds)
    if not sitting.judges:
        return
    if goodbye.expects_answers:
        # It is probed from when it was silent. Where no service of it is known, that none answers tells nothing.
        probed_since, answered_at = max(goodbye.said_at, node.latest + node.limit), node.proofs.kernel_at
        answered = answered_at >= goodbye.said_at
        tells = answered or node.proofs.tcp_tried_at >= probed_since
        last = answered_at if answered else probed_since
        if tells and now - last > max(node.limit, PROOF_PERIODS * sitting.probe_period):
            node.down_since = now
            sitting.suspect(node, REASON_GOODBYE_BROKEN)
    else:
        _report_vms_of_rebooting(sitting, node)


def _report_vms_of_rebooting(sitting: Sitting, node: Node) -> None:
    """A host that reboots as announced takes what still runs on it along (DESIGN section 3)."""
    if sitting.now - node.latest < node.limit + sitting.policy.confirm_seconds:
        return
    tally = sitting.tally(node)
    serves = sitting.now - node.proofs.served_at <= sitting.policy.quiet_seconds
    if tally.silent and not tally.denied and not serves and not sitting.doubting:
        message = "its hypervisor said that it reboots, and is silent now"
        sitting.out += alarms.report_vms(node, node.boot_id, CAUSE_AWAY, message)


def _left_by_word_of_others(sitting: Sitting, node: Node) -> None:
    sitting.vote(node, sitting.policy.quiet_seconds)
    if not sitting.tally(node).left and sitting.judges:
        node.down_since = sitting.now
        sitting.suspect(node, REASON_GOODBYE_OVER)


def _returning(sitting: Sitting, node: Node) -> None:
    if node.silent(sitting.now):
        sitting.suspect(node, REASON_SILENT)
        return
    sitting.vote(node, sitting.policy.quiet_seconds)
    if sitting.judges and sitting.now - node.return_since >= sitting.policy.return_seconds:
        message = alarms.CLEARED_REBOOTED if node.rebooted else alarms.CLEARED_HEARD
        sitting.out += alarms.clear_host(node, message)
        node.suspect_since = node.down_since = NEVER
        reason = REASON_REBOOTED if node.rebooted else REASON_RETURNED
        node.rebooted = False
        sitting.become(node, up_state(node), reason)


HANDLERS: Final[dict[NodeState, Callable[[Sitting, Node], Finding | None]]] = {
    NodeState.UP: _up,
    NodeState.NETWORK_FAULT: _up,
    NodeState.UNKNOWN: _unknown,
    NodeState.SUSPECT: _suspect,
    NodeState.OBSERVER_FAULT: _observer_fault,
    NodeState.AGENT_LOST: _agent_lost,
    NodeState.HUNG: _failed,
    NodeState.FAILED: _failed,
    NodeState.MASS_FAILURE: _failed,
    NodeState.LEFT: _left,
    NodeState.RETURNING: _returning,
}
