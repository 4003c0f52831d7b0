import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.agent.probes.hardware.command import Commands, Result
from nfvi_ha.agent.probes.hardware.disks import DiskDoctor, DiskTree
from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.hardware import disk_health
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.disk_health import DiskHealth, from_nvme, from_smartctl, parse
from nfvi_ha.core.hardware.rule import with_rates
from nfvi_ha.core.hardware.rules import RULES
from tests.unit.agent.hardware.fake_host import FakeHost

SAMPLES = Path(__file__).parent / "samples"


def smart(name: str) -> DiskHealth | None:
    value = parse((SAMPLES / f"smartctl-{name}.json").read_bytes())
    return from_smartctl(value, value["smartctl"]["exit_status"])


def nvme(name: str) -> DiskHealth | None:
    return from_nvme(parse((SAMPLES / f"nvme-{name}.json").read_bytes()), 0)


def found(health: DiskHealth | None, name: str = "sda") -> dict[str, str]:
    decisions = disk_health.judge(HardwareBook(with_rates(RULES, {})), {name: health}, 0.0)
    return {each.finding.rule.name: each.finding.component for each in decisions}


def test_a_good_disk_is_not_told() -> None:
    assert found(smart("ata-good")) == found(nvme("good")) == {}


def test_a_failing_disk_is_told_for_each_of_its_signs() -> None:
    assert found(smart("ata-failing")) == {
        "SmartFailing": "disk/sda/health",
        "SmartPrefail": "disk/sda/prefail",
        "SmartBadSectors": "disk/sda/sectors",
        "SmartManyBadSectors": "disk/sda/many-sectors",
    }
    health = smart("ata-failing")
    assert health is not None
    assert health.prefail_names == ("Reallocated_Sector_Ct",)


@pytest.mark.parametrize("name", ["standby", "not-smart"])
def test_a_disk_that_cannot_be_looked_at_says_nothing(name: str) -> None:
    assert smart(name) is None


def test_what_was_told_of_a_disk_stands_while_it_sleeps_and_goes_with_it() -> None:
    book = HardwareBook(with_rates(RULES, {}))
    disk_health.judge(book, {"sda": smart("ata-failing")}, 0.0)

    assert disk_health.judge(book, {"sda": None}, 60.0) == []
    assert len(disk_health.judge(book, {}, 120.0)) == 4


def test_nvme_warnings_are_told_bit_by_bit() -> None:
    assert found(nvme("critical-4"), "nvme0n1") == {"NvmeUnreliable": "disk/nvme0n1/health"}
    assert found(nvme("all-warnings"), "nvme0n1") == {
        "NvmeReadOnly": "disk/nvme0n1",
        "NvmeUnreliable": "disk/nvme0n1/health",
        "NvmeBackupFailed": "disk/nvme0n1/backup",
        "NvmeMemoryRegion": "disk/nvme0n1/pmr",
        "NvmeTemperature": "disk/nvme0n1/temperature",
        "NvmeSpareLow": "disk/nvme0n1/spare",
        "DiskWorn": "disk/nvme0n1/wear",
    }
    assert set(found(nvme("newer"), "nvme0n1")) == {"NvmeReadOnly", "NvmeSpareLow"}


def test_an_nvme_disk_read_by_smartctl_is_told_once_for_one_warning() -> None:
    assert found(smart("nvme"), "nvme0n1") == {"NvmeUnreliable": "disk/nvme0n1/health"}


def test_counters_that_grow_are_told() -> None:
    book = HardwareBook(with_rates(RULES, {}))
    first, later = smart("scsi"), DiskHealth(counters={"DiskMediaErrors": 4, "SmartReallocated": 20})
    assert first is not None
    assert first.counters == {"SmartReallocated": 3, "DiskMediaErrors": 3}
    disk_health.judge(book, {"sdc": first}, 0.0)

    decisions = disk_health.judge(book, {"sdc": later}, 60.0)

    assert {each.finding.component for each in decisions} == {"disk/sdc/media", "disk/sdc/reallocated"}


def test_errors_on_the_cable_are_told_by_rate() -> None:
    book = HardwareBook(with_rates(RULES, {}))
    disk_health.judge(book, {"sda": DiskHealth(counters={"DiskCableErrors": 0})}, 0.0)

    decisions = disk_health.judge(book, {"sda": DiskHealth(counters={"DiskCableErrors": 11})}, 1.0)

    assert [each.finding.component for each in decisions] == ["disk/sda/cable"]


def test_only_a_disk_that_takes_no_writes_has_failed() -> None:
    decisions = disk_health.judge(HardwareBook(with_rates(RULES, {})), {"nvme0n1": nvme("all-warnings")}, 0.0)

    failed = {each.finding.rule.name for each in decisions if each.finding.rule.kind is FaultKind.HARDWARE_FAILED}
    assert failed == {"NvmeReadOnly"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {
        *json.loads((SAMPLES / "smartctl-ata-failing.json").read_text()),
        *json.loads((SAMPLES / "smartctl-nvme.json").read_text()),
        *json.loads((SAMPLES / "smartctl-scsi.json").read_text()),
        *json.loads((SAMPLES / "nvme-good.json").read_text()),
    }
)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(NAMES),
        JSON | st.fixed_dictionaries({"table": JSON, "passed": JSON, "read": JSON, "media_errors": JSON}),
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(-64, 255),
)
def test_no_output_of_a_tool_raises(raw: bytes, status: int) -> None:
    for health in (from_smartctl(parse(raw), status), from_nvme(parse(raw), status)):
        found(health)


def tool(directory: Path, name: str, body: str) -> tuple[str, ...]:
    file = directory / name
    file.write_text(f"#!{sys.executable}\nimport sys, os, time, subprocess\n{body}\n")
    file.chmod(0o755)
    return (str(file),)


def doctor(host: FakeHost, smartctl: tuple[str, ...], nvme_command: tuple[str, ...]) -> DiskDoctor:
    asked: list[tuple[str, str]] = []
    return DiskDoctor(
        DiskTree(host.root), Commands(10.0), smartctl, nvme_command, Path("/dev"), lambda *each: asked.append(each)
    )


async def test_disks_are_found_and_asked_by_their_tools(host: FakeHost, tmp_path: Path) -> None:
    host.disk("sda")
    host.disk("nvme0n1", "live")
    host.disk("loop0")
    samples = {"sda": "ata-failing", "bus/0": "scsi", "--scan": "scan"}
    smartctl = tool(
        tmp_path,
        "smartctl",
        f"samples = {samples!r}\n"
        "last = sys.argv[-1].removeprefix('/dev/')\n"
        f"sys.stdout.write(open({str(SAMPLES)!r} + '/smartctl-' + samples[last] + '.json').read())\n"
        "sys.exit(24 if last == 'sda' else 0)",
    )
    nvme_cli = tool(
        tmp_path,
        "nvme",
        "assert sys.argv[1:] == ['smart-log', '-o', 'json', '/dev/nvme0'], sys.argv\n"
        f"sys.stdout.write(open({str(SAMPLES)!r} + '/nvme-critical-4.json').read())",
    )

    health = await doctor(host, smartctl, nvme_cli).ask()

    assert sorted(health) == ["bus-0-megaraid-8", "nvme0n1", "sda"]
    assert health["sda"] == smart("ata-failing")
    assert health["nvme0n1"] == nvme("critical-4")
    assert health["bus-0-megaraid-8"] == smart("scsi")


async def test_without_nvme_cli_smartctl_reads_nvme_disks(host: FakeHost, tmp_path: Path) -> None:
    host.disk("nvme0n1", "live")
    smartctl = tool(
        tmp_path, "smartctl", f"sys.stdout.write(open({str(SAMPLES)!r} + '/smartctl-nvme.json').read()); sys.exit(8)"
    )

    assert await doctor(host, smartctl, (str(tmp_path / "missing"),)).ask() == {"nvme0n1": smart("nvme")}


async def test_without_any_tool_nothing_is_said(host: FakeHost, tmp_path: Path) -> None:
    host.disk("sda")
    missing = (str(tmp_path / "missing"),)

    assert await doctor(host, missing, missing).ask() == {"sda": None}


async def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    command = tool(
        tmp_path,
        "hangs",
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)",
    )

    output = await Commands(2.0).run(command)

    assert output.result is Result.LATE
    assert not any(runs(pid) for pid in pids.read_text().split())


def runs(pid: str) -> bool:
    """A killed child is reaped by init some time later; till then it is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_command_runs_last_in_line_and_its_status_is_told(tmp_path: Path) -> None:
    command = tool(tmp_path, "nice", "print(os.getpriority(os.PRIO_PROCESS, 0)); sys.exit(4)")

    output = await Commands(10.0).run(command)

    assert (output.result, output.exit_status) == (Result.DONE, 4)
    assert int(output.text) == 19


async def test_output_without_end_is_cut_off(tmp_path: Path) -> None:
    output = await Commands(10.0).run(tool(tmp_path, "talks", "while True: print('x' * 65536)"))

    assert output.result is Result.TOO_LONG
