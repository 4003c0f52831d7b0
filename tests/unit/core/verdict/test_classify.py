"""What silence is called: each row of the table in docs/concepts/detection.md."""

from dataclasses import replace

import pytest

from nfvi_ha.core.fault import Confidence, FaultKind
from nfvi_ha.core.verdict.ballot import Agreement, Tally
from nfvi_ha.core.verdict.classify import Silence, classify
from nfvi_ha.core.verdict.outputs import NodeState

DEAD = Silence(
    tally=Tally(silent=1, vouched=True),
    agreement=Agreement.QUORUM,
    has_history=True,
    left=False,
    answers=False,
    served=False,
    by_peers_only=False,
    tcp_tried=True,
    lease_stale=False,
    alone_for_long=False,
)
SERVED = replace(DEAD, answers=True, served=True)
KERNEL = replace(DEAD, answers=True)
ALONE = {"tally": Tally(), "agreement": Agreement.DOUBTED, "alone_for_long": True}
CUT_OFF = {"tally": Tally(), "agreement": Agreement.NOBODY, "alone_for_long": True}
HIGH, LOW = Confidence.HIGH, Confidence.LOW

ROWS = {
    "nobody reaches it": (DEAD, NodeState.FAILED, "Silent", FaultKind.HYPERVISOR_FAILED, HIGH),
    "only its kernel answers": (KERNEL, NodeState.HUNG, "Hung", FaultKind.HYPERVISOR_FAILED, HIGH),
    "its services accept": (SERVED, NodeState.AGENT_LOST, "AgentSilent", FaultKind.AGENT_LOST, HIGH),
    "only peers reach it": (
        replace(SERVED, by_peers_only=True),
        NodeState.AGENT_LOST,
        "PathLost",
        FaultKind.AGENT_LOST,
        HIGH,
    ),
    "its services accept, its Lease is stale": (
        replace(SERVED, lease_stale=True),
        NodeState.HUNG,
        "Hung",
        FaultKind.HYPERVISOR_FAILED,
        LOW,
    ),
    "its kernel answers and no port is known": (
        replace(KERNEL, tcp_tried=False),
        NodeState.AGENT_LOST,
        "KernelAnswers",
        FaultKind.AGENT_LOST,
        LOW,
    ),
    "its kernel answers, no port is known, its Lease is stale": (
        replace(KERNEL, tcp_tried=False, lease_stale=True),
        NodeState.HUNG,
        "Hung",
        FaultKind.HYPERVISOR_FAILED,
        HIGH,
    ),
    "another seat hears it": (
        replace(DEAD, tally=Tally(silent=1, vouched=True, denied=True)),
        NodeState.OBSERVER_FAULT,
        "HeardByOtherSeats",
        None,
        HIGH,
    ),
    "another seat took its GOODBYE": (
        replace(DEAD, tally=Tally(silent=1, vouched=True, left=True)),
        NodeState.LEFT,
        "GoodbyeToldByOtherSeat",
        None,
        HIGH,
    ),
    "it said GOODBYE and answers again": (
        replace(KERNEL, left=True),
        NodeState.LEFT,
        "ProbesAnswerAgain",
        None,
        HIGH,
    ),
    "it said GOODBYE and answers no more": (
        replace(DEAD, left=True, tally=Tally(silent=1, vouched=True, left=True)),
        NodeState.FAILED,
        "Silent",
        FaultKind.HYPERVISOR_FAILED,
        HIGH,
    ),
    "nobody has ever heard it": (
        replace(DEAD, has_history=False, tally=Tally(silent=2)),
        NodeState.UNKNOWN,
        "NeverHeard",
        None,
        HIGH,
    ),
    "this seat never heard it, another did": (
        replace(DEAD, has_history=False),
        NodeState.FAILED,
        "Silent",
        FaultKind.HYPERVISOR_FAILED,
        HIGH,
    ),
    "one seat alone": (
        replace(DEAD, **ALONE),
        NodeState.SUSPECT,
        "NoQuorum",
        FaultKind.HYPERVISOR_UNREACHABLE,
        LOW,
    ),
    "one seat alone, its kernel answers": (
        replace(KERNEL, **ALONE),
        NodeState.SUSPECT,
        "NoQuorum",
        FaultKind.HYPERVISOR_UNREACHABLE,
        LOW,
    ),
    "one seat alone, its services accept": (
        replace(SERVED, **ALONE),
        NodeState.AGENT_LOST,
        "AgentSilent",
        FaultKind.AGENT_LOST,
        LOW,
    ),
    "one seat alone, its services accept, its Lease is stale": (
        replace(SERVED, **ALONE, lease_stale=True),
        NodeState.AGENT_LOST,
        "AgentSilent",
        FaultKind.AGENT_LOST,
        LOW,
    ),
    "a seat that hears nobody and is alone": (
        replace(DEAD, **CUT_OFF),
        NodeState.OBSERVER_FAULT,
        "SeatHearsNobody",
        None,
        HIGH,
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.replace(" ", "-"))
def test_silence_gets_its_right_name(row: str) -> None:
    silence, state, reason, fault, confidence = ROWS[row]

    finding = classify(silence)

    assert finding is not None
    assert (finding.state, finding.reason, finding.fault, finding.confidence) == (state, reason, fault, confidence)


@pytest.mark.parametrize("silence", [DEAD, KERNEL, SERVED], ids=["dead", "kernel", "served"])
@pytest.mark.parametrize("agreement", [Agreement.DOUBTED, Agreement.NOBODY])
def test_without_a_quorum_nothing_is_said_before_the_others_had_their_time(
    silence: Silence, agreement: Agreement
) -> None:
    assert classify(replace(silence, tally=Tally(), agreement=agreement, alone_for_long=False)) is None


@pytest.mark.parametrize("silence", [DEAD, KERNEL, SERVED], ids=["dead", "kernel", "served"])
@pytest.mark.parametrize("lease_stale", [False, True])
@pytest.mark.parametrize("agreement", list(Agreement))
def test_what_a_seat_hears_is_never_called_failed(silence: Silence, lease_stale: bool, agreement: Agreement) -> None:
    denied = replace(silence, tally=Tally(silent=1, vouched=True, denied=True), lease_stale=lease_stale)

    finding = classify(replace(denied, agreement=agreement, alone_for_long=True))

    assert finding is not None
    assert finding.fault is None
