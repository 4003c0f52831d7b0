import pytest

from nfvi_ha.core.vmprocess.stuck import Standing, StuckLimits, stuck_cause

LIMITS = StuckLimits(stopped_seconds=1.0, uninterruptible_seconds=3.0)


@pytest.mark.parametrize(
    ("state", "seconds", "switches", "cause"),
    [
        ("T", 0.9, 0, ""),
        ("T", 1.0, 0, "QemuStopped"),
        ("t", 1.0, 5, "QemuStopped"),
        ("D", 2.9, 0, ""),
        ("D", 3.0, 0, "QemuUninterruptible"),
        ("D", 9.0, 1, ""),
        ("S", 9.0, 0, ""),
    ],
)
def test_stuck_when_it_stands_in_one_state_for_too_long(state: str, seconds: float, switches: int, cause: str) -> None:
    assert stuck_cause(Standing(state, 10.0), switches, 10.0 + seconds, LIMITS) == cause
