"""Small makers of the things the operator's parts talk about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from nfvi_ha.core.fault import Confidence, Evidence, EvidenceKind, Fault, FaultKind, ResourceRef, Severity
from nfvi_ha.reporting.clock import Clock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Time:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def clock(time: Time) -> Clock:
    return Clock(time, lambda: START)


def evidence(source: str = "virt-handler@worker-1") -> Evidence:
    return Evidence(EvidenceKind.PROCESS_GONE, source, "phase Failed", START)


def fault_of(
    name: str = "fw-0-1",
    uid: str = "uid-1",
    kind: FaultKind = FaultKind.VM_FAILED,
    *,
    proven: bool = True,
    vnf: str = "fw",
    slot: int | None = 0,
    seconds: float = 0.0,
) -> Fault:
    return Fault(
        kind=kind,
        resource=ResourceRef("VirtualMachineInstance", "tenant", name, uid),
        cause="QemuCrashed",
        message="the VM ended",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH if proven else Confidence.LOW,
        detected_at=START + timedelta(seconds=seconds),
        node="worker-1",
        vnf=vnf,
        slot=slot,
        evidence=evidence() if proven else None,
    )


@pytest.fixture
def make_fault() -> Callable[..., Fault]:
    return fault_of
