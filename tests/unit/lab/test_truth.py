"""The observer of what really lives must see what is wrong, or every test that relies on it is worth nothing."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nfvi_ha.lab.hypervisor.machines import QEMU, qemu_command
from nfvi_ha.lab.hypervisor.standin import install_standin
from nfvi_ha.lab.truth import Truth

Boot = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    """Starts a VM process of namespace ``tenant``, as a hypervisor does."""
    program = install_standin(tmp_path / QEMU)
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> "subprocess.Popen[bytes]":
        argv = qemu_command("tenant", name, "uuid", 64)
        process = subprocess.Popen(argv, executable=program, env={}, stdin=subprocess.DEVNULL)
        running.append(process)
        _until(lambda: any(seen.pid == process.pid for seen in _here().look()))
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def _here() -> Truth:
    return Truth(lambda: [os.getpid()], interval_seconds=0.001)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_living_vms_are_seen_by_name_slot_and_set(boot: Boot) -> None:
    boot("fw-edge-3-12")
    (seen,) = _here().look()
    assert (seen.namespace, seen.vm) == ("tenant", "fw-edge-3-12")
    assert seen.slot == ("tenant", "fw-edge-3")
    assert seen.set == ("tenant", "fw-edge")


def test_a_vm_that_ended_is_not_seen_though_nobody_reaped_it(boot: Boot) -> None:
    process = boot("fw-0-1")
    process.kill()
    _until(lambda: _here().look() == [])
    assert process.returncode is None, "it is a zombie still"


def test_two_in_a_slot_are_a_violation_however_brief(boot: Boot) -> None:
    with _here() as truth:
        boot("fw-0-1")
        _until(lambda: truth.seen.most[("tenant", "fw")] == 1)
        second = boot("fw-0-2")
        _until(lambda: truth.seen.most[("tenant", "fw")] == 2)
        second.kill()
        second.wait()
    (violation,) = truth.seen.violations
    assert "slot tenant/fw-0 has 2 living VMs" in violation
    assert "fw-0-1" in violation
    assert "fw-0-2" in violation


def test_one_vm_that_runs_twice_is_a_violation(boot: Boot) -> None:
    boot("fw-0-1")
    boot("fw-0-1")
    with _here() as truth:
        _until(lambda: truth.seen.samples > 0)
    assert len(truth.seen.violations) == 1


def test_more_than_may_be_are_a_violation(boot: Boot) -> None:
    boot("fw-0-1")
    boot("fw-1-1")
    boot("other-0-1")
    with _here() as truth:
        truth.limit(("tenant", "fw"), 2)
        _until(lambda: truth.seen.samples > 1)
        assert truth.seen.violations == {}
        boot("fw-2-1")
        _until(lambda: truth.seen.most[("tenant", "fw")] == 3)
    (violation,) = truth.seen.violations
    assert "3 living VMs, at most 2 may be" in violation


def test_an_observer_that_breaks_says_so() -> None:
    def broken() -> list[int]:
        raise OSError("no process table")

    with pytest.raises(OSError, match="no process table"), Truth(broken):
        pass
