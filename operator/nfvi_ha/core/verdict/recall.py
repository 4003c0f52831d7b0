"""Faults that were open on record when this seat started: it must clear them when they are over."""

from typing import Final

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.node import HOST_FAULTS, Node, Raised
from nfvi_ha.core.verdict.outputs import Clear, NodeState
from nfvi_ha.core.verdict.sitting import Sitting
from nfvi_ha.core.verdict.watch import heard_again

REASON_ON_RECORD: Final = "OnRecord"
MESSAGE_OTHER_BOOT: Final = "it runs another boot since"
MESSAGE_DOUBLE: Final = "told twice: another incident of the same fault is open"


def recall_fault(sitting: Sitting, node: Node, kind: FaultKind, network: str, boot_id: str, episode: int) -> None:
    """Take it for raised by this seat. That another seat, or this one before, raised it is history enough."""
    known, found = node.raised.get((kind, network)), Raised(boot_id, episode)
    if node.boot_id and boot_id != node.boot_id:
        sitting.out.append(Clear(kind, node.name, network, boot_id, episode, MESSAGE_OTHER_BOOT))
        return
    if known is not None:
        # Seats that could not agree on the episode: one record is enough.
        if known != found:
            sitting.out.append(Clear(kind, node.name, network, boot_id, episode, MESSAGE_DOUBLE))
        return
    node.raised[kind, network] = found
    node.boot_id = node.boot_id or boot_id
    node.episode = max(node.episode, episode)
    if kind not in HOST_FAULTS:
        return
    if not node.silent(sitting.now):
        heard_again(sitting, node, REASON_ON_RECORD)
    elif kind is FaultKind.HYPERVISOR_FAILED:
        sitting.become(node, NodeState.FAILED, REASON_ON_RECORD)
    elif node.state is not NodeState.FAILED:
        sitting.suspect(node, REASON_ON_RECORD)
