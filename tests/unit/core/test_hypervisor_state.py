"""The state of a Hypervisor object follows the verdict, and never undoes a step of its recovery."""

import pytest

from nfvi_ha.core.hypervisor_state import BY_RECOVERY, hypervisor_state
from nfvi_ha.core.verdict.outputs import NodeState


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        ("Up", "Up"), ("NetworkFault", "Up"), ("Suspect", "Suspect"), ("Failed", "Down"), ("Hung", "Down"),
        ("MassFailure", "Down"), ("AgentLost", "AgentLost"), ("Returning", "Returning"),
    ],
)  # fmt: skip
def test_a_verdict_has_its_state(verdict: str, state: str) -> None:
    assert hypervisor_state(verdict, "", sure=True) == state
    assert hypervisor_state(verdict, "Suspect", sure=True) == state


@pytest.mark.parametrize("verdict", ["Unknown", "ObserverFault", "Left", "SomethingLater"])
def test_what_says_nothing_of_the_hypervisor_leaves_its_state(verdict: str) -> None:
    assert hypervisor_state(verdict, "Down", sure=True) == "Down"
    assert hypervisor_state(verdict, "", sure=True) == ""


@pytest.mark.parametrize("step", sorted(BY_RECOVERY))
@pytest.mark.parametrize("verdict", ["Failed", "Hung", "MassFailure", "Suspect"])
def test_a_recovery_under_way_is_not_undone_by_the_same_word_again(step: str, verdict: str) -> None:
    assert hypervisor_state(verdict, step, sure=True) == step


@pytest.mark.parametrize("step", sorted(BY_RECOVERY))
def test_a_hypervisor_that_returns_is_told_to_be_back(step: str) -> None:
    assert hypervisor_state("Returning", step, sure=True) == "Returning"
    assert hypervisor_state("Up", step, sure=True) == "Up"


@pytest.mark.parametrize("verdict", ["Failed", "Hung", "MassFailure"])
def test_what_one_seat_alone_holds_for_dead_is_suspect(verdict: str) -> None:
    assert hypervisor_state(verdict, "Up", sure=False) == "Suspect"
    assert hypervisor_state("Unknown", "Down", sure=False) == "Down"


def test_every_verdict_is_thought_of() -> None:
    neutral = {state for state in NodeState if hypervisor_state(state, "kept", sure=True) == "kept"}
    assert neutral == {NodeState.UNKNOWN, NodeState.OBSERVER_FAULT, NodeState.LEFT}
