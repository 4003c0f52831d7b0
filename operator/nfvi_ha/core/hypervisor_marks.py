"""What a sentinel marks on the Node of a hypervisor: a taint and a condition, after the report, never before it.

A mark keeps new Pods away from a dead node; it is no fencing and no evidence. Nothing of others is touched: what is
decided here names only our own taint and our own condition (invariant 7).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nfvi_ha.core.fault import Confidence

FAILED_STATES: Final = frozenset({"Failed", "Hung"})
"""A quorum says that nothing runs there any more. (A mass failure is held: nothing is done to its nodes.)"""
GOOD_STATES: Final = frozenset({"Up"})
"""Reached only after steady beats (hysteresis)."""

CONDITION_REASON_FAILED: Final = "HypervisorFailed"
CONDITION_REASON_UP: Final = "HypervisorUp"


class Mark(StrEnum):
    """A change of a Node."""

    ADD_TAINT = "AddTaint"
    REMOVE_TAINT = "RemoveTaint"
    CONDITION_TRUE = "ConditionTrue"
    CONDITION_FALSE = "ConditionFalse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sentinels hold a hypervisor for."""

    state: str
    """A word of ``core.verdict.outputs.NodeState``."""
    confidence: Confidence
    """HIGH: a quorum of seats agreed. LOW: one seat alone says so."""
    boot_id: str
    reported: bool
    """The Incident is in the API: the VIM was told, or is being told."""
    governed: bool = True


@dataclass(frozen=True, slots=True)
class NodeMarks:
    """What is marked on the Node now."""

    boot_id: str
    """By the kubelet's word."""
    tainted: bool
    condition: bool | None
    """None: there is no such condition, or it is Unknown."""


def marks(verdict: Verdict, node: NodeMarks) -> tuple[Mark, ...]:
    """What to change on the Node, in order. Nothing where the verdict leaves it open."""
    if _to_be_marked(verdict, node):
        taint = () if node.tainted else (Mark.ADD_TAINT,)
        return (*taint, Mark.CONDITION_TRUE) if node.condition is not True else taint
    if verdict.state in GOOD_STATES or not verdict.governed:
        condition = (Mark.CONDITION_FALSE,) if node.condition is True else ()
        return (Mark.REMOVE_TAINT, *condition) if node.tainted else condition
    return ()


def _to_be_marked(verdict: Verdict, node: NodeMarks) -> bool:
    sure = verdict.state in FAILED_STATES and verdict.confidence is Confidence.HIGH
    # The kubelet already tells of another boot: that verdict is about the past.
    past = bool(verdict.boot_id and node.boot_id) and verdict.boot_id != node.boot_id
    return sure and verdict.reported and verdict.governed and not past
