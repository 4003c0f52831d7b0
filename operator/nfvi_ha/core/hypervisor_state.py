"""The state of a Hypervisor object, from a sentinel's verdict and what stands there."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nfvi_ha.core.verdict.outputs import NodeState

UP: Final = "Up"
SUSPECT: Final = "Suspect"
DOWN: Final = "Down"
AGENT_LOST: Final = "AgentLost"
RETURNING: Final = "Returning"

_OF_VERDICT: Final[Mapping[str, str]] = MappingProxyType(
    {
        NodeState.UP: UP,
        NodeState.NETWORK_FAULT: UP,
        NodeState.SUSPECT: SUSPECT,
        NodeState.FAILED: DOWN,
        NodeState.HUNG: DOWN,
        NodeState.MASS_FAILURE: DOWN,
        NodeState.AGENT_LOST: AGENT_LOST,
        NodeState.RETURNING: RETURNING,
    }
)
"""What only says something of the observer (Unknown, ObserverFault) changes no state, nor does a goodbye: what was
promised by it is not seen."""
BY_RECOVERY: Final = frozenset({"Fencing", "Fenced", "Recovering"})
"""Steps of the operator with a hypervisor that is down; a sentinel's word that it is down does not undo them."""


def hypervisor_state(verdict: str, current: str, *, sure: bool) -> str:
    """The state to be written; ``current`` ("" for none) where the verdict leaves it.

    Args:
        verdict: a word of ``NodeState``.
        current: what stands there.
        sure: a quorum of seats agrees. What one seat alone holds for dead is suspect.
    """
    state = _OF_VERDICT.get(verdict, current)
    if state == DOWN and not sure and verdict in _OF_VERDICT:
        state = SUSPECT
    keeps = current in BY_RECOVERY and state in (DOWN, SUSPECT)
    return current if keeps else state
