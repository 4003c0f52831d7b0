"""Reasons of the Kubernetes Events on Nodes: constant, so that they can be searched and alerted on."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nfvi_ha.core.verdict.outputs import NodeState

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

HYPERVISOR_UP: Final = "HypervisorUp"
HYPERVISOR_SUSPECT: Final = "HypervisorSuspect"
HYPERVISOR_FAILED: Final = "HypervisorFailed"
HYPERVISOR_HUNG: Final = "HypervisorHung"
HYPERVISOR_RETURNING: Final = "HypervisorReturning"
HYPERVISOR_LEFT: Final = "HypervisorLeft"
AGENT_LOST: Final = "AgentLost"
NETWORK_FAULT: Final = "HypervisorNetworkFault"
HYPERVISOR_HELD: Final = "HypervisorHeld"

OF_STATE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        NodeState.UP: (NORMAL, HYPERVISOR_UP),
        NodeState.SUSPECT: (NORMAL, HYPERVISOR_SUSPECT),
        NodeState.FAILED: (WARNING, HYPERVISOR_FAILED),
        NodeState.HUNG: (WARNING, HYPERVISOR_HUNG),
        NodeState.AGENT_LOST: (WARNING, AGENT_LOST),
        NodeState.NETWORK_FAULT: (WARNING, NETWORK_FAULT),
        NodeState.MASS_FAILURE: (WARNING, HYPERVISOR_HELD),
        NodeState.LEFT: (NORMAL, HYPERVISOR_LEFT),
        NodeState.RETURNING: (NORMAL, HYPERVISOR_RETURNING),
    }
)
"""State -> type and reason. What only says something of the observer (Unknown, ObserverFault) is no Event of a Node."""

OF_QUORUM: Final = frozenset({NodeState.FAILED.value, NodeState.HUNG.value, NodeState.MASS_FAILURE.value})
"""States that only a quorum can tell of; in the mouth of one seat they are a suspicion."""

MEANINGS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        HYPERVISOR_UP: ("Node", NORMAL, "The hypervisor's agent beats steadily."),
        HYPERVISOR_SUSPECT: ("Node", NORMAL, "The hypervisor is silent; it is being probed and voted on."),
        HYPERVISOR_FAILED: ("Node", WARNING, "A quorum of sentinels and no peer reaches the hypervisor."),
        HYPERVISOR_HUNG: ("Node", WARNING, "Only the hypervisor's kernel answers; nothing else on it does."),
        HYPERVISOR_RETURNING: ("Node", NORMAL, "The hypervisor beats again, and not steadily yet."),
        HYPERVISOR_LEFT: ("Node", NORMAL, "The agent said goodbye before a planned stop."),
        AGENT_LOST: ("Node", WARNING, "The agent is silent; the hypervisor's services still accept connections."),
        NETWORK_FAULT: ("Node", WARNING, "The hypervisor is silent on one network and heard on another."),
        HYPERVISOR_HELD: ("Node", WARNING, "The hypervisor fell silent together with many; its recovery is held."),
    }
)
"""Reason -> the kind it is on, its type, and what it means. The reference page is made from this."""
