"""The state of a Hypervisor object, from a sentinel's verdict and what stands there."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nfvi_ha.api.hypervisor import State
from nfvi_ha.core.verdict.outputs import NodeState

_OF_VERDICT: Final[Mapping[str, State]] = MappingProxyType(
    {
        NodeState.UP.value: "Up",
        NodeState.NETWORK_FAULT.value: "NetworkFault",
        NodeState.SUSPECT.value: "Suspect",
        NodeState.FAILED.value: "Down",
        NodeState.HUNG.value: "Down",
        NodeState.MASS_FAILURE.value: "Down",
        NodeState.AGENT_LOST.value: "AgentLost",
        NodeState.LEFT.value: "Left",
        NodeState.RETURNING.value: "Returning",
    }
)
"""What only says something of the observer (Unknown, ObserverFault) changes no state."""

_REACHED: Final[Mapping[State, bool | None]] = MappingProxyType(
    {
        "Up": True,
        "NetworkFault": True,
        "AgentLost": True,
        "Returning": True,
        "Down": False,
        "Suspect": None,
        "Left": None,
    }
)


def hypervisor_state(verdict: str, current: State | None, *, sure: bool) -> State | None:
    """The state to be written; ``current`` where the verdict leaves it.

    Args:
        verdict: a word of ``NodeState``.
        current: what stands there.
        sure: a quorum of seats agrees. What one seat alone holds for dead is suspect.
    """
    state = _OF_VERDICT.get(verdict)
    if state is None:
        return current
    return "Suspect" if state == "Down" and not sure else state


def is_reached(state: State) -> bool | None:
    """Whether anything on it answers in that state; None where nobody knows."""
    return _REACHED[state]
