"""A node is tainted only after the report of a quorum's verdict, and freed only by an agent that beats again."""

from dataclasses import replace

import pytest

from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.hypervisor_marks import Mark, NodeMarks, Verdict, marks
from nfvi_ha.core.verdict.outputs import NodeState

FAILED = Verdict("Failed", Confidence.HIGH, "boot-1", reported=True)
CLEAN = NodeMarks("boot-1", tainted=False, condition=None)
MARKED = NodeMarks("boot-1", tainted=True, condition=True)


@pytest.mark.parametrize("state", ["Failed", "Hung"])
def test_a_reported_verdict_of_a_quorum_taints_and_sets_the_condition(state: str) -> None:
    assert marks(replace(FAILED, state=state), CLEAN) == (Mark.ADD_TAINT, Mark.CONDITION_TRUE)


def test_one_seat_alone_taints_nothing() -> None:
    assert marks(replace(FAILED, confidence=Confidence.LOW), CLEAN) == ()


def test_nothing_is_tainted_before_the_report() -> None:
    assert marks(replace(FAILED, reported=False), CLEAN) == ()


def test_an_ungoverned_node_is_not_tainted_and_loses_a_taint_of_ours() -> None:
    assert marks(replace(FAILED, governed=False), CLEAN) == ()
    assert marks(replace(FAILED, governed=False), MARKED) == (Mark.REMOVE_TAINT, Mark.CONDITION_FALSE)


def test_a_verdict_on_an_earlier_boot_taints_nothing() -> None:
    assert marks(FAILED, replace(CLEAN, boot_id="boot-2")) == ()
    assert marks(FAILED, replace(CLEAN, boot_id="")) == (Mark.ADD_TAINT, Mark.CONDITION_TRUE)


@pytest.mark.parametrize("state", [state for state in NodeState if state not in {"Failed", "Hung", "Up"}])
@pytest.mark.parametrize("node", [CLEAN, MARKED])
def test_what_is_neither_dead_nor_up_changes_nothing(state: NodeState, node: NodeMarks) -> None:
    assert marks(replace(FAILED, state=state.value), node) == ()


def test_a_hypervisor_that_is_up_again_is_freed() -> None:
    up = replace(FAILED, state="Up", boot_id="boot-2")
    assert marks(up, MARKED) == (Mark.REMOVE_TAINT, Mark.CONDITION_FALSE)
    assert marks(up, NodeMarks("boot-2", tainted=True, condition=None)) == (Mark.REMOVE_TAINT,)
    assert marks(up, NodeMarks("boot-2", tainted=False, condition=True)) == (Mark.CONDITION_FALSE,)


def test_what_is_marked_already_is_left_alone() -> None:
    assert marks(FAILED, MARKED) == ()
    assert marks(replace(FAILED, state="Up"), NodeMarks("boot-1", tainted=False, condition=False)) == ()
