"""A watched process in virtual time."""

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.hostprocess.health import ProcessHealth
from nfvi_ha.core.hostprocess.spec import Check, CheckKind, HealthLimits, Match, WatchSpec

FAILED, HUNG, FLAPPING = FaultKind.PROCESS_FAILED, FaultKind.PROCESS_HUNG, FaultKind.PROCESS_FLAPPING
LIMITS = HealthLimits()
CHECK = Check(CheckKind.HTTP, "127.0.0.1:1/")


def health(*, check: Check | None = CHECK, count: int = 1, seen: bool = False, **more: object) -> ProcessHealth:
    made = ProcessHealth(WatchSpec("x", Match(executable="x"), check, **more), LIMITS, 0.0, seen=seen)  # type: ignore[arg-type]
    if count:
        made.there(0.0, count, fresh=1000.0)
    return made


def answering() -> ProcessHealth:
    made = health()
    made.answered()
    return made


def test_death_is_a_fault_at_once_and_over_when_it_is_back() -> None:
    made = health()
    made.died(1.0, "pid 5 ended: SIGKILL", killed=True)
    assert made.faults(1.0)[FAILED].cause == "ProcessKilled"
    made.there(1.1, 0, fresh=None)
    assert FAILED in made.faults(1.1)
    made.there(2.0, 1, fresh=0.0)
    assert not made.faults(2.0)


def test_one_of_two_that_is_not_back_is_a_fault_until_the_grace_is_over() -> None:
    made = health(count=2, grace_seconds=5.0)
    made.died(1.0, "ended", killed=False)
    made.there(2.0, 1, fresh=None)
    assert made.faults(2.0)[FAILED].cause == "ProcessExited"
    made.there(6.0, 1, fresh=None)
    assert not made.faults(6.0)


def test_one_missed_answer_is_none_two_in_a_row_are_a_hang() -> None:
    made = answering()
    made.silent(1.0, "no answer", slow=False)
    assert not made.faults(1.0)
    made.answered()
    made.silent(2.0, "no answer", slow=False)
    assert not made.faults(2.0)
    made.silent(2.3, "no answer", slow=False)
    assert made.faults(2.3)[HUNG].cause == "NoAnswer"


def test_hang_is_over_after_two_answers() -> None:
    made = answering()
    for at in (1.0, 1.3):
        made.silent(at, "no answer", slow=False)
    made.answered()
    assert HUNG in made.faults(2.0)
    made.answered()
    assert not made.faults(2.1)


def test_what_we_missed_while_we_were_slow_is_none() -> None:
    made = answering()
    for at in (1.0, 1.3, 1.6):
        made.silent(at, "no answer", slow=True)
    assert not made.faults(2.0)


def test_process_that_never_answered_is_not_judged_by_its_answers() -> None:
    made = health()
    for at in (1.0, 1.3, 1.6):
        made.silent(at, "refused", slow=False)
    assert not made.faults(2.0)


def test_process_that_starts_may_be_silent_for_a_while() -> None:
    made = answering()
    made.died(1.0, "ended", killed=False)
    made.there(2.0, 1, fresh=0.0)
    for at in (2.3, 2.6):
        made.silent(at, "refused", slow=False)
    assert not made.faults(3.0)
    late = 2.0 + LIMITS.start_seconds
    for at in (late, late + 0.3):
        made.silent(at, "refused", slow=False)
    assert HUNG in made.faults(late + 0.3)


def test_death_ends_a_hang() -> None:
    made = answering()
    for at in (1.0, 1.3):
        made.silent(at, "no answer", slow=False)
    made.died(2.0, "ended", killed=True)
    assert set(made.faults(2.0)) == {FAILED}
    made.silent(2.1, "refused", slow=False)
    assert set(made.faults(2.1)) == {FAILED}


def test_stopped_for_half_a_second_is_a_hang_whatever_is_asked() -> None:
    made = health(check=None)
    made.stands(1.0, "T")
    assert not made.faults(1.0)
    made.stands(1.5, "T")
    assert made.faults(1.5)[HUNG].cause == "ProcessStopped"
    made.runs()
    assert not made.faults(2.0)


def test_short_waits_for_a_disk_are_no_hang() -> None:
    made = health(check=None)
    for at in range(10):
        made.stands(float(at), "D")
        made.runs()
    assert not made.faults(10.0)
    made.stands(11.0, "D")
    made.stands(14.0, "D")
    assert made.faults(14.0)[HUNG].cause == "ProcessUninterruptible"


def test_process_that_goes_on_after_a_stop_must_answer_first() -> None:
    made = answering()
    made.stands(1.0, "T")
    made.stands(1.5, "T")
    made.runs()
    assert HUNG in made.faults(1.6)
    made.answered()
    made.answered()
    assert not made.faults(2.0)


def test_three_deaths_within_the_window_are_flapping_until_it_is_over() -> None:
    made = health()
    for at in (1.0, 100.0, 200.0):
        made.died(at, "ended", killed=False)
        made.there(at + 1, 1, fresh=0.0)
    assert set(made.faults(201.0)) == {FLAPPING}
    assert not made.faults(1.5 + LIMITS.flap_seconds)


def test_required_one_that_was_never_seen_is_a_fault_after_a_while() -> None:
    made = health(count=0, required=True)
    assert not made.faults(1.0)
    assert made.faults(LIMITS.missing_seconds)[FAILED].cause == "ProcessMissing"
    assert not health(count=0).faults(1e6)


def test_one_that_was_seen_before_the_agent_was_restarted_is_a_fault_if_it_is_gone() -> None:
    made = health(count=0, seen=True)
    made.there(0.1, 0, fresh=None)
    assert FAILED in made.faults(0.1)
    made.there(1.0, 1, fresh=0.5)
    assert not made.faults(1.0)
