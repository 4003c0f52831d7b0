"""A beat that says something new: a first one, a return, another boot, another agent."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.verdict import alarms
from nfvi_ha.core.verdict.goodbye import REASON_REBOOT
from nfvi_ha.core.verdict.node import Node
from nfvi_ha.core.verdict.outputs import CAUSE_REBOOTED, NodeState
from nfvi_ha.core.verdict.sitting import Sitting
from nfvi_ha.core.verdict.watch import REASON_HEARD, REASON_REBOOTED, heard_again

REASON_RETURNED_IN_TIME: Final = "ReturnedInTime"


@dataclass(frozen=True, slots=True)
class Beat:
    """What of a beat matters here."""

    network: int
    boot_id: str
    incarnation: int
    real_time: bool
    self_slow: bool
    episode: int


def arrived(sitting: Sitting, node: Node, beat: Beat) -> None:
    """Note it, and what it says of the host."""
    if node.boot_id and beat.boot_id != node.boot_id:
        _another_boot(sitting, node, beat)
    agent_changed = beat.incarnation != node.incarnation
    node.boot_id, node.incarnation = beat.boot_id, beat.incarnation
    if (beat.real_time, beat.self_slow) != (node.real_time, node.self_slow) or not node.limit:
        node.real_time, node.self_slow = beat.real_time, beat.self_slow
        node.limits(sitting.policy)
    node.episode = max(node.episode, beat.episode)
    was_silent = node.silent(sitting.now)
    node.last[beat.network] = node.latest = sitting.now
    if node.state is NodeState.LEFT:
        _in_absence(sitting, node, agent_changed=agent_changed)
    elif node.state is NodeState.RETURNING and was_silent:
        node.return_since = sitting.now
    elif not node.steady and node.state is not NodeState.RETURNING:
        heard_again(sitting, node, REASON_REBOOTED if node.rebooted else REASON_HEARD)


def _in_absence(sitting: Sitting, node: Node, *, agent_changed: bool) -> None:
    """Beats of the agent that said GOODBYE do not end its absence; those of its successor do."""
    goodbye = node.goodbye
    if goodbye is None or (agent_changed and goodbye.incarnation != node.incarnation):
        node.goodbye = None
        heard_again(sitting, node, REASON_RETURNED_IN_TIME)


def _told_by_others(sitting: Sitting, node: Node, beat: Beat) -> bool:
    """Whether other seats have heard that boot while this one did not hear the host: they have told of it."""
    policy = sitting.policy
    votes = node.ballot.current(sitting.now, policy.quiet_vote_life_seconds, sitting.seats, policy)
    return node.state is NodeState.OBSERVER_FAULT and any(vote.boot_id == beat.boot_id for vote in votes)


def _another_boot(sitting: Sitting, node: Node, beat: Beat) -> None:
    """The host was down, whether that was noticed or not: the VMs of the old boot are gone."""
    old = node.boot_id
    announced = node.goodbye is not None and node.goodbye.reason == REASON_REBOOT
    if announced and node.open_host_fault() is None:
        message = "its hypervisor rebooted, as it had said"
        sitting.out += alarms.report_vms(node, old, CAUSE_REBOOTED, message)
    else:
        if not _told_by_others(sitting, node, beat):
            sitting.out += alarms.rebooted(node, old)
        node.rebooted = True
    node.previous_boot, node.boot_id = old, beat.boot_id
    node.episode, node.closed = beat.episode, {}
    node.goodbye = None
    node.vms_reported = False
    if node.state is NodeState.LEFT or node.steady:
        heard_again(sitting, node, REASON_REBOOTED)
