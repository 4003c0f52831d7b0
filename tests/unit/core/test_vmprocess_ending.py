"""What is said of a VM's process that ends: a table."""

import math
import signal
from typing import Any

import pytest

from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.vmprocess.ending import (
    ASK_SECONDS,
    UNKNOWN_SECONDS,
    Decision,
    EndSight,
    Exit,
    Report,
    Stay,
    Wait,
    judge_launcher,
    judge_vm,
)

KILLED, TERMINATED, SEGV, CORE = (
    Exit(n) for n in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT + 0x80)
)
CLEAN, FAILED = Exit(0), Exit(1 << 8)
ASK = Wait(ASK_SECONDS, ask=True)
LONG = Wait(UNKNOWN_SECONDS, ask=True)


def sight(ending: Exit | None, **changes: Any) -> EndSight:
    fields = {
        "dumping": False,
        "settled": True,
        "intent": "",
        "asked": False,
        "refused": False,
        "heard_seconds": 1.0,
        "seconds": 0.0,
    }
    return EndSight(ending, **{**fields, **changes})


def gist(decision: Decision) -> object:
    return (decision.cause, decision.confidence.value) if isinstance(decision, Report) else decision


@pytest.mark.parametrize(
    ("seen", "decision"),
    [
        (sight(CLEAN), Stay("CleanExit")),
        (sight(CLEAN, settled=False), Wait(UNKNOWN_SECONDS)),
        (sight(CLEAN, heard_seconds=math.inf), Stay("CleanExit")),
        (sight(SEGV), ("QemuCrashed", "high")),
        (sight(CORE), ("QemuCrashed", "high")),
        (sight(FAILED), ("QemuCrashed", "high")),
        (sight(SEGV, heard_seconds=60.0), ("QemuCrashed", "high")),
        (sight(SEGV, heard_seconds=math.inf), ("QemuCrashed", "low")),
        (sight(SEGV, intent="Deleted"), Stay("Deleted")),
        (sight(KILLED), ASK),
        (sight(TERMINATED), ASK),
        (sight(KILLED, asked=True), ("QemuKilled", "high")),
        (sight(KILLED, asked=True, heard_seconds=math.inf), ("QemuKilled", "high")),
        (sight(KILLED, seconds=ASK_SECONDS), ("QemuKilled", "high")),
        (sight(KILLED, seconds=ASK_SECONDS, heard_seconds=60.0), ("QemuKilled", "low")),
        (sight(KILLED, seconds=ASK_SECONDS, heard_seconds=math.inf), ("QemuKilled", "low")),
        (sight(KILLED, refused=True), ("QemuKilled", "high")),
        (sight(KILLED, refused=True, heard_seconds=60.0), ("QemuKilled", "low")),
        (sight(KILLED, intent="Deleted", asked=True), Stay("Deleted")),
        (sight(None), LONG),
        (sight(None, asked=True), LONG),
        (sight(None, seconds=UNKNOWN_SECONDS), ("QemuEnded", "low")),
        (sight(None, seconds=UNKNOWN_SECONDS, intent="ShutDown"), Stay("ShutDown")),
        (sight(None, dumping=True), ("QemuCrashed", "high")),
        (sight(SEGV, dumping=True, heard_seconds=math.inf), ("QemuCrashed", "low")),
        (sight(None, dumping=True, intent="Deleted"), Stay("Deleted")),
    ],
)
def test_end_of_a_vms_process(seen: EndSight, decision: object) -> None:
    assert gist(judge_vm(seen)) == decision


@pytest.mark.parametrize(
    ("seen", "decision"),
    [
        (sight(FAILED), ("LauncherCrashed", "high")),
        (sight(SEGV, heard_seconds=math.inf), ("LauncherCrashed", "low")),
        (sight(KILLED), ASK),
        (sight(KILLED, asked=True), ("LauncherCrashed", "high")),
        (sight(KILLED, intent="LauncherTold"), Stay("LauncherTold")),
        (sight(None), ASK),
        (sight(None, seconds=ASK_SECONDS, heard_seconds=math.inf), ("LauncherCrashed", "low")),
        (sight(CLEAN), LONG),
        (sight(CLEAN, seconds=UNKNOWN_SECONDS), ("LauncherExited", "low")),
        (sight(CLEAN, seconds=UNKNOWN_SECONDS, intent="Deleted"), Stay("Deleted")),
    ],
)
def test_end_of_a_launcher_whose_vm_runs_on(seen: EndSight, decision: object) -> None:
    assert gist(judge_launcher(seen)) == decision


@pytest.mark.parametrize("ending", [None, CLEAN, FAILED, KILLED, SEGV, CORE, TERMINATED])
@pytest.mark.parametrize("heard", [0.0, 60.0, math.inf])
@pytest.mark.parametrize("judge", [judge_vm, judge_launcher])
def test_every_end_is_decided_within_six_tenths_of_a_second(ending: Exit | None, heard: float, judge: Any) -> None:
    late = sight(ending, heard_seconds=heard, seconds=UNKNOWN_SECONDS)
    assert not isinstance(judge(late), Wait)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "SIGKILL"),
        (11 | 0x80, "SIGSEGV, core dumped"),
        (3 << 8, "exit status 3"),
        (0, "exit status 0"),
        (126, "signal 126"),
    ],
)
def test_exit_in_words(code: int, words: str) -> None:
    assert str(Exit(code)) == words


def test_report_says_how() -> None:
    report = judge_vm(sight(SEGV, dumping=True))
    assert report == Report("QemuCrashed", Confidence.HIGH, "SIGSEGV, dumping core")
