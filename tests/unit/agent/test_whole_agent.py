"""Both processes together, as they are in a pod."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nfvi_ha.agent.fault_entry import FaultEntry
from nfvi_ha.agent.memory import Memory
from nfvi_ha.agent.observed import FaultKey, Observed
from nfvi_ha.cli.metrics_reference import metrics_page
from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.wire.beat import Flags
from nfvi_ha.core.wire.local_fault import unpack
from tests.unit.agent.conftest import StartAgent
from tests.unit.agent.fake_sentinel import FakeSentinel
from tests.unit.agent.running_agent import BOOT_ID, ROOT, RunningAgent, alive, until

MAX_BEAT_RESIDENT_KB = 20_000
MAX_PROBES_RESIDENT_KB = 120_000


def memory_with_a_death(boot_id: str) -> Memory:
    key = FaultKey(FaultKind.VM_FAILED, "uid-1")
    seen = Observed(
        FaultKind.VM_FAILED,
        "QemuKilled",
        Severity.CRITICAL,
        vm_uid="uid-1",
        vm_namespace="n",
        vm_name="v",
        seen_at_ms=5,
    )
    entry = FaultEntry(key, seen, is_event=True, serial=41, episode=0)
    return Memory(boot_id, entries={key: entry}, next_serial=42, reserved=100)


def resident_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def scrape(agent: RunningAgent, path: str = "metrics") -> str:
    until((agent.directory / "port").exists, "metrics are served")
    port = (agent.directory / "port").read_text().strip()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        return str(answer.read().decode())


def metric(agent: RunningAgent, name: str) -> float | None:
    found = re.search(rf"^{re.escape(name)} (\S+)$", scrape(agent), re.MULTILINE)
    return float(found[1]) if found else None


def test_event_of_before_a_restart_is_told_until_two_seats_recorded_it(
    start_agent: StartAgent, sentinels: list[FakeSentinel], tmp_path: Path
) -> None:
    (tmp_path / "spool.json").write_text(json.dumps(memory_with_a_death(BOOT_ID).to_json()))
    agent = start_agent(stand_in=False)
    first = sentinels[0].beat(lambda beat: bool(beat.flags & Flags.NEW_FAULT))
    assert first.flags & Flags.SPOOLED
    (fault,) = unpack(first.faults)
    assert (fault.serial, fault.vm_uid, fault.seen_at_ms, fault.is_event) == (41, "uid-1", 5, True)
    sentinels[0].recorded_upto = 41
    for _ in range(15):
        assert unpack(sentinels[0].beat().faults) == (fault,), "one seat's word was enough"
    sentinels[1].recorded_upto = 41
    while unpack(sentinels[0].beat().faults):
        while sentinels[1].receive(0.0):
            pass
    until(lambda: '"faults":[]' in (tmp_path / "spool.json").read_text(), "the spool forgets it")
    assert metric(agent, 'nfvi_ha_agent_faults{kind="vm.failed"}') == 0


def test_event_of_another_boot_is_dropped(start_agent: StartAgent, sentinel: FakeSentinel, tmp_path: Path) -> None:
    (tmp_path / "spool.json").write_text(json.dumps(memory_with_a_death("99999999" + BOOT_ID[8:]).to_json()))
    start_agent(stand_in=False)
    up = sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    assert up.faults == b""


def test_killed_probes_process_comes_back(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent(stand_in=False)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    child = agent.child()
    os.kill(child, signal.SIGKILL)
    sentinel.beat(lambda beat: bool(beat.flags & Flags.PROBES_DOWN))
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    assert not alive(child)


def test_memory_stays_small_and_metrics_say_what_is_going_on(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    agent = start_agent(stand_in=False)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    for _ in range(20):
        sentinel.beat()
    assert resident_kb(agent.pid) <= MAX_BEAT_RESIDENT_KB
    assert resident_kb(agent.child()) <= MAX_PROBES_RESIDENT_KB
    until(lambda: metric(agent, 'nfvi_ha_agent_answer_age_seconds{seat="0"}') is not None, "an answer is seen")
    schedulings = [
        metric(agent, f'nfvi_ha_agent_beat_scheduling{{scheduling="{each}"}}')
        for each in ("real-time", "nice", "normal")
    ]
    assert schedulings.count(1.0) == 1
    assert metric(agent, 'nfvi_ha_agent_cpu_seconds_total{process="beat"}')
    _, _, page = metrics_page().partition("## Agent")
    served = {
        name for name in re.findall(r"^# HELP (\S+)", scrape(agent), re.MULTILINE) if not name.endswith("_created")
    }
    assert {name for name in served if f"| `{name}` |" not in page} == set(), "the reference page has them all"
    assert scrape(agent, "readyz") == "ok\n"
    assert agent.stop() == 0


def test_taken_metrics_port_does_not_blind_the_agent(start_agent: StartAgent, sentinel: FakeSentinel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        agent = start_agent(stand_in=False, port=taken.getsockname()[1])
        sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
        until(lambda: "metrics cannot be served" in agent.log.read_text(), "it is told")
        child = agent.child()
    until((agent.directory / "port").exists, "metrics are served once the port is free")
    assert agent.child() == child


def test_nothing_is_left_behind(start_agent: StartAgent, sentinel: FakeSentinel, tmp_path: Path) -> None:
    agent = start_agent(stand_in=False)
    sentinel.beat(lambda beat: not beat.flags & Flags.PROBES_DOWN)
    child = agent.child()
    assert agent.stop() == 0
    assert not alive(child)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.json", "log", "port", "spool.json"]


def test_beat_process_imports_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import nfvi_ha.agent.beat.__main__;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["nfvi_ha"]


@pytest.mark.parametrize("module", ["asyncio", "threading", "subprocess", "ssl", "_hashlib", "logging"])
def test_beat_process_does_without(module: str) -> None:
    program = f"import sys; import nfvi_ha.agent.beat.__main__; print(sys.modules.get({module!r}) is None)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "True\n"
