"""The state of a Hypervisor object follows the verdict."""

from typing import get_args

import pytest

from nfvi_ha.api.hypervisor import State
from nfvi_ha.core.hypervisor_state import hypervisor_state, is_reached
from nfvi_ha.core.verdict.outputs import NodeState


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ("Up", "Up"), ("NetworkFault", "NetworkFault"), ("Suspect", "Suspect"), ("Failed", "Down"), ("Hung", "Down"),
        ("MassFailure", "Down"), ("AgentLost", "AgentLost"), ("Returning", "Returning"), ("Left", "Left"),
    ],
)  # fmt: skip
def test_a_verdict_has_its_state(verdict: str, state: str) -> None:
    assert hypervisor_state(verdict, None, sure=True) == state
    assert hypervisor_state(verdict, "Suspect", sure=True) == state


@pytest.mark.parametrize("verdict", ["Unknown", "ObserverFault", "SomethingLater"])
def test_what_says_nothing_of_the_hypervisor_leaves_its_state(verdict: str) -> None:
    for sure in (True, False):
        assert hypervisor_state(verdict, "Down", sure=sure) == "Down"
        assert hypervisor_state(verdict, None, sure=sure) is None


@pytest.mark.parametrize("verdict", ["Failed", "Hung", "MassFailure"])
def test_what_one_seat_alone_holds_for_dead_is_suspect(verdict: str) -> None:
    assert hypervisor_state(verdict, "Up", sure=False) == "Suspect"


def test_every_verdict_and_every_state_is_thought_of() -> None:
    neutral = {state for state in NodeState if hypervisor_state(state.value, None, sure=True) is None}
    assert neutral == {NodeState.UNKNOWN, NodeState.OBSERVER_FAULT}
    states = {hypervisor_state(state.value, "Up", sure=True) for state in NodeState}
    assert states == set(get_args(State))
    assert {state for state in get_args(State) if is_reached(state) is False} == {"Down"}
