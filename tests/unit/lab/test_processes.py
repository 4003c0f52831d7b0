"""The processes that stand for qemu and virt-launcher, with real ones."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nfvi_ha.lab.hypervisor.child import ChildProcess
from nfvi_ha.lab.hypervisor.machines import PROCS, Machines, qemu_command
from nfvi_ha.lab.hypervisor.standin import install_standin, standin_program

PROGRAMS = pytest.mark.parametrize("machine", ["x86_64", "anything-else"])


def runnable(machine: str, directory: Path) -> Path:
    if machine == "x86_64" and os.uname().machine != "x86_64":
        pytest.skip("machine code of another machine")
    program = directory / "qemu-system-x86_64"
    program.write_bytes(standin_program(machine))
    program.chmod(0o755)
    return program


async def ended(start: Callable[[Callable[[], None]], ChildProcess], act: Callable[[ChildProcess], None]) -> int:
    done = asyncio.Event()
    child = start(done.set)
    async with asyncio.timeout(10):
        while not listening(child.pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        act(child)
        await done.wait()
    assert child.exit_code is not None
    return child.exit_code


def listening(pid: int) -> bool:
    name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    return name == "qemu-system-x86" and rest.split()[0] == "S"


@PROGRAMS
async def test_it_exits_cleanly_when_asked_to_shut_down(machine: str, tmp_path: Path) -> None:
    program = runnable(machine, tmp_path)
    code = await ended(
        lambda done: ChildProcess.start(program, qemu_command("ns", "vm", "u", 64), tmp_path, done),
        ChildProcess.terminate,
    )
    assert code == 0


@PROGRAMS
async def test_a_kill_shows_as_one(machine: str, tmp_path: Path) -> None:
    program = runnable(machine, tmp_path)
    code = await ended(
        lambda done: ChildProcess.start(program, qemu_command("ns", "vm", "u", 64), tmp_path, done), ChildProcess.kill
    )
    assert code == -signal.SIGKILL


async def test_a_stop_and_a_continue_do_not_end_it(tmp_path: Path) -> None:
    def stop_and_go(child: ChildProcess) -> None:
        os.kill(child.pid, signal.SIGSTOP)
        os.kill(child.pid, signal.SIGCONT)
        child.terminate()

    program = install_standin(tmp_path / "qemu-system-x86_64")
    argv = qemu_command("ns", "vm", "u", 64)
    assert await ended(lambda done: ChildProcess.start(program, argv, tmp_path, done), stop_and_go) == 0


async def test_a_pods_directory_lists_its_processes_until_it_is_forgotten(tmp_path: Path) -> None:
    machines = Machines(tmp_path)
    ends: list[str] = []
    done = asyncio.Event()

    def note(what: str) -> Callable[[], None]:
        def called() -> None:
            ends.append(what)
            if len(ends) == 2:
                done.set()

        return called

    pod = machines.start_pod("ns", "p", "uid-1", "vm", "vmi-1", note("launcher"))
    vm = machines.start_vm(pod, 64, "u", note("vm"))
    procs = tmp_path / "kubepods" / "burstable" / "poduid-1" / pod.container_id / PROCS
    assert pod.launcher is not None
    assert procs.read_text().split() == [str(pod.launcher.pid), str(vm.pid)]
    assert machines.of_vmi("vmi-1") is pod

    machines.forget("uid-1")
    async with asyncio.timeout(10):
        await done.wait()
    assert sorted(ends) == ["launcher", "vm"]
    assert not procs.parent.parent.exists()
    assert not machines.pods


@PROGRAMS
def test_it_dies_with_its_starter(machine: str, tmp_path: Path) -> None:
    program = runnable(machine, tmp_path)
    starter = textwrap.dedent(
        f"""
        import subprocess, sys, os, time
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        child = subprocess.Popen(["qemu"], executable={str(program)!r}, **quiet)
        while open(f"/proc/{{child.pid}}/stat").read().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.01)
        print(child.pid, flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    out = subprocess.run(
        [sys.executable, "-c", starter], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    pid = int(out)
    deadline = time.monotonic() + 10
    while runs(pid):
        assert time.monotonic() < deadline, "it outlives its starter"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_command_line_has_what_finds_a_vmi() -> None:
    argv = qemu_command("tenant-a", "web_0", "11-22", 512)
    assert argv[1:3] == ["-name", "guest=tenant-a_web_0,debug-threads=on"]
    assert argv[argv.index("-uuid") + 1] == "11-22"
