"""Reading procfs and cgroups: pids that change hands, processes that vanish, and nonsense."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nfvi_ha.agent.probes.connector import ProcConnector
from nfvi_ha.agent.probes.procfs import parse_stat, read_command_line, read_stat
from nfvi_ha.agent.probes.turns import TURNS, YOUNG_SCANS
from nfvi_ha.agent.probes.vm.cgroups import DirectoryCgroups, ProcessCgroups, pods_reader
from nfvi_ha.agent.probes.vm.scan import Scanner
from nfvi_ha.agent.probes.watched_process import WatchedProcess

PROC = Path("/proc")
POD = "0f4a3c1e-9d2b-4c55-8e77-5a1b2c3d4e5f"


def line(
    pid: int, comm: str = "qemu-system-x86", state: str = "S", flags: int = 0x400000, start: int = 7, **more: int
) -> str:
    start_code, code = more.get("start_code", 4096), more.get("code", 0)
    middle = f"1 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 {start} 0 0 0 {start_code}"
    return f"{pid} ({comm}) {state} {middle} " + "0 " * 25 + f"{code}\n"


class FakeProc:
    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, pid: int, comm: str, cgroup: str = f"0::/kubepods/burstable/pod{POD}/c0ffee", start: int = 7) -> None:
        directory = self.root / str(pid)
        directory.mkdir(exist_ok=True)
        (directory / "stat").write_text(line(pid, comm, start=start))
        (directory / "cgroup").write_text(cgroup + "\n")

    def scanner(self, *, outside_pods: bool = False) -> Scanner:
        return Scanner(self.root, ProcessCgroups(self.root), outside_pods=outside_pods)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def none(_pid: int) -> bool:
    return False


def pids(scanner: Scanner, watched: Callable[[int], bool] = none) -> set[int]:
    return {found.stat.pid for found in scanner.scan(watched)}


def test_stat_line_with_any_name() -> None:
    stat = parse_stat(line(5, "a) S 1 (b", code=9, flags=0x400004).encode())
    assert (stat.pid, stat.comm, stat.state, stat.code, stat.dying) == (5, "a) S 1 (b", "S", 9, True)


@pytest.mark.parametrize(
    ("state", "flags", "code", "dying"),
    [
        ("S", 0x400000, 0, False),
        ("D", 0x400000, 0, False),
        ("T", 0x400000, 19, False),  # the signal that stopped it
        ("t", 0x400000, 5, False),
        ("D", 0x400000, 9, True),  # SIGKILL on its way, the process in unkillable sleep
        ("R", 0x400004, 0, True),
        ("D", 0x400200, 0, True),
        ("Z", 0x400000, 0, True),
        ("X", 0x400000, 0, True),
    ],
)
def test_signs_of_an_end(state: str, flags: int, code: int, dying: bool) -> None:
    assert parse_stat(line(5, state=state, flags=flags, code=code).encode()).dying is dying


def test_exit_code_that_we_may_not_see_is_not_0() -> None:
    stat = parse_stat(line(5, state="R", flags=0x400004, start_code=1).encode())
    assert stat.code is None


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"1 (x) S 1", b"x (y) " + b"z " * 60, b"\xff" * 300])
def test_nonsense_is_no_stat(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a stat line|invalid literal"):
        parse_stat(garbage)


def test_process_that_does_not_exist_is_none(tmp_path: Path) -> None:
    assert read_stat(tmp_path, 5) is None
    with pytest.raises(OSError, match="5"):
        read_command_line(tmp_path, 5)


def test_qemu_and_launcher_of_a_pod_are_found_and_nothing_else(proc: FakeProc) -> None:
    proc.put(10, "qemu-system-x86")
    proc.put(11, "virt-launcher")
    proc.put(12, "virt-launcher-m")
    proc.put(13, "bash")
    proc.put(14, "qemu-kvm", cgroup="0::/machine.slice/x.scope")
    (proc.root / "15").mkdir()
    (proc.root / "16").mkdir()
    (proc.root / "16" / "stat").write_bytes(b"\xff garbage")
    found = {each.stat.pid: each for each in proc.scanner().scan(none)}
    assert set(found) == {10, 11}
    assert found[10].pod == POD
    assert found[10].is_qemu
    assert not found[11].is_qemu


def test_qemu_outside_pods_is_found_if_wished(proc: FakeProc) -> None:
    proc.put(14, "qemu-kvm", cgroup="0::/machine.slice/x.scope")
    assert pids(proc.scanner(outside_pods=True)) == {14}


def test_process_that_gets_its_name_late_is_found(proc: FakeProc) -> None:
    scanner = proc.scanner()
    proc.put(10, "virtqemud")
    for _ in range(YOUNG_SCANS - 1):
        assert pids(scanner) == set()
    proc.put(10, "qemu-system-x86")
    assert pids(scanner) == {10}


def test_pid_that_changed_hands_is_found_within_all_turns(proc: FakeProc) -> None:
    scanner = proc.scanner()
    proc.put(10, "bash")
    for _ in range(YOUNG_SCANS + 1):
        assert pids(scanner) == set()
    proc.put(10, "qemu-system-x86", start=99)
    assert any(pids(scanner) for _ in range(TURNS))
    assert {found.stat.pid for found in scanner.scan(none, everything=True)} == {10}


def test_known_processes_are_not_read_each_time(proc: FakeProc) -> None:
    scanner = proc.scanner()
    for pid in range(100, 400):
        proc.put(pid, "bash")
    for _ in range(YOUNG_SCANS):
        scanner.scan(none)
    for pid in range(100, 400):
        (proc.root / str(pid) / "stat").write_text(line(pid))
    assert 0 < len(scanner.scan(none)) <= 300 / TURNS + 1


def test_watched_processes_are_left_out(proc: FakeProc) -> None:
    proc.put(10, "qemu-system-x86")
    assert pids(proc.scanner(), watched=lambda pid: pid == 10) == set()


def test_other_process_of_the_same_pid_is_not_watched(sleeper: subprocess.Popen[bytes]) -> None:
    stat = read_stat(PROC, sleeper.pid)
    assert stat is not None
    assert WatchedProcess.open(PROC, sleeper.pid, stat.start + 1) is None
    process = WatchedProcess.open(PROC, sleeper.pid, stat.start)
    assert process is not None
    process.close()


def test_process_that_vanishes_between_search_and_open_is_none(sleeper: subprocess.Popen[bytes]) -> None:
    stat = read_stat(PROC, sleeper.pid)
    assert stat is not None
    sleeper.kill()
    sleeper.wait()
    assert WatchedProcess.open(PROC, sleeper.pid, stat.start) is None


def test_no_descriptor_is_left_open(sleeper: subprocess.Popen[bytes]) -> None:
    stat = read_stat(PROC, sleeper.pid)
    assert stat is not None
    before = len(os.listdir("/proc/self/fd"))
    for start in (stat.start, stat.start + 1):
        process = WatchedProcess.open(PROC, sleeper.pid, start)
        if process is not None:
            process.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_calm_until_it_is_stopped_or_ends(sleeper: subprocess.Popen[bytes]) -> None:
    stat = read_stat(PROC, sleeper.pid)
    process = WatchedProcess.open(PROC, sleeper.pid, stat.start if stat else 0)
    assert process is not None
    _until(process.calm)
    sleeper.send_signal(19)
    _until(lambda: not process.calm())
    sleeper.kill()
    sleeper.wait()
    assert not process.calm()
    assert process.stat() is None
    process.close()


def test_nonsense_of_a_stat_file_is_not_calm_and_not_gone(tmp_path: Path) -> None:
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "stat").write_text(line(5))
    process = WatchedProcess.open(tmp_path, 5, 7, open_pidfd=lambda _pid: None)
    assert process is not None
    (tmp_path / "5" / "stat").write_text("nonsense")
    assert not process.calm()
    with pytest.raises(ValueError, match="not a stat line"):
        process.stat()
    process.close()


def test_pods_by_files_in_the_shape_of_cgroups(tmp_path: Path) -> None:
    for place, text in (
        (f"kubepods/burstable/pod{POD}/c0ffee", "10\n11\n"),
        ("kubepods/pod11111111-2222-3333-4444-555555555555/c", "12\n"),
        ("kubepods/burstable/pod22222222-2222-3333-4444-555555555555/c", "nonsense -1\n"),
    ):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "cgroup.procs").write_text(text)
    (tmp_path / "kubepods/burstable/podgarbage/c").mkdir(parents=True)
    pods = DirectoryCgroups(tmp_path)
    assert pods.pids() == {10, 11, 12}
    assert (pods.pod_of(10), pods.pod_of(13)) == (POD, "")
    (tmp_path / f"kubepods/burstable/pod{POD}/c0ffee/cgroup.procs").write_text("10\n")
    assert pods.pids() == {10, 12}
    assert pods.pod_of(11) == ""


def test_reader_of_pods_is_chosen_by_where_cgroups_are(tmp_path: Path) -> None:
    assert isinstance(pods_reader("auto", PROC, Path("/sys/fs/cgroup")), ProcessCgroups)
    assert isinstance(pods_reader("auto", PROC, tmp_path), DirectoryCgroups)
    assert isinstance(pods_reader("process", PROC, tmp_path), ProcessCgroups)
    assert ProcessCgroups(tmp_path).pod_of(5) == ""


def test_connector_tells_of_execs_and_exit_codes() -> None:
    execs: list[int] = []
    exits: dict[int, int] = {}
    connector = ProcConnector(execs.append, exits.__setitem__, lambda: None)
    try:
        connector.open()
    except OSError as error:
        pytest.skip(f"the proc connector is not permitted here: {error}")
    try:
        process = subprocess.Popen(["sh", "-c", "exit 3"])
        process.wait()
        _until(lambda: connector.read() or process.pid in exits)
    finally:
        connector.close()
    assert process.pid in execs
    assert exits[process.pid] == 3 << 8


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()
