from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nfvi_ha.agent.probes.hardware import files
from nfvi_ha.agent.probes.hardware.adapters import AdapterTree
from nfvi_ha.agent.probes.hardware.disks import DiskTree
from nfvi_ha.agent.probes.hardware.edac import EdacTree
from nfvi_ha.agent.probes.hardware.heat import HeatTree
from nfvi_ha.agent.probes.hardware.pci import PciTree
from nfvi_ha.core.hardware import pcie
from nfvi_ha.core.hardware.adapter import Adapter
from nfvi_ha.core.hardware.memory import Controller, Dimm
from nfvi_ha.core.hardware.pcie import PciDevice
from nfvi_ha.core.hardware.temperature import Sensor, Throttle
from tests.unit.agent.hardware.fake_host import FakeHost


def test_memory_controllers_are_read_with_their_dimms(host: FakeHost) -> None:
    host.dimm(3, 1)

    assert EdacTree(host.root).controllers() == [
        Controller("mc0", 3, 1, 0, 0, (Dimm("dimm0", "CPU0_DIMM_A1", 3, 1),)),
    ]


def test_pcie_counters_are_read(host: FakeHost) -> None:
    host.pci(7, 2, 1)
    host.root_port(9, 4, 3, "0000:3a:00.0")
    host.write("bus/pci/devices/0000:00:1f.0/vendor", "0x8086")

    names = (pcie.FATAL.name, pcie.NON_FATAL.name, pcie.CORRECTED.name)
    assert PciTree(host.root).devices() == [
        PciDevice("0000:3a:00.0", dict.fromkeys(names, 0), dict(zip(names, (3, 4, 9), strict=True))),
        PciDevice("0000:3b:00.0", dict(zip(names, (1, 2, 7), strict=True)), {}),
    ]


def test_temperatures_are_read_with_their_limits(host: FakeHost) -> None:
    host.sensor(61.5, crit_alarm=1)
    host.zone(40.0)

    assert HeatTree(host.root).sensors() == [
        Sensor("coretemp", "temp1", "Package id 0", 61.5, 85.0, 95.0, critical_alarm=True),
        Sensor("thermal_zone0", "temp", "acpitz", 40.0, 90.0, 100.0),
    ]


def test_a_chip_is_named_by_its_device(host: FakeHost) -> None:
    host.sensor(61.5)
    (host.root / "class/hwmon/hwmon1/device").symlink_to("../../../devices/platform/coretemp.1")

    assert HeatTree(host.root).sensors()[0].chip == "coretemp.1"


def test_throttle_counters_are_read(host: FakeHost) -> None:
    host.cpu(3, 5, package=1)
    host.write("devices/system/cpu/cpufreq/boost", 1)

    assert HeatTree(host.root).throttles() == [Throttle(3, 1, 5, 5)]


def test_adapters_are_read_and_virtual_interfaces_are_not(host: FakeHost) -> None:
    host.nic("eth0", crc=3, errors=4, changes=2)
    host.write("class/net/veth0/statistics/rx_errors", 9)
    host.nic("eth1v0")
    host.write("class/net/eth1v0/device/physfn/vendor", 1)

    assert AdapterTree(host.root).adapters() == [Adapter("eth0", 3, 4, 2)]


@pytest.mark.parametrize(("name", "state"), [("sda", "offline"), ("nvme0n1", "dead")])
def test_a_disk_that_the_kernel_gave_up_is_found(host: FakeHost, name: str, state: str) -> None:
    host.disk(name, state)
    host.disk("sdb")
    host.disk("rbd0", "offline")

    assert [finding.component for finding in DiskTree(host.root).offline()] == [f"disk/{name}"]


def test_a_host_without_any_of_it_shows_nothing(tmp_path: Path) -> None:
    assert (
        EdacTree(tmp_path).controllers()
        + PciTree(tmp_path).devices()
        + HeatTree(tmp_path).sensors()
        + HeatTree(tmp_path).throttles()
        + AdapterTree(tmp_path).adapters()
        + DiskTree(tmp_path).offline()
        == []
    )


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_no_bytes_of_sysfs_raise(host: FakeHost, raw: bytes) -> None:
    host.dimm()
    host.pci()
    host.root_port(0, 0, 0, "0000:3a:00.0")
    host.sensor(1.0)
    host.zone(1.0)
    host.cpu(0, 0)
    host.disk("sda")
    host.nic()
    for file in host.root.rglob("*"):
        if file.is_file():
            file.write_bytes(raw)

    for controller in EdacTree(host.root).controllers():
        assert controller.uncorrected >= 0
    for device in PciTree(host.root).devices():
        assert all(count >= 0 for count in device.errors.values())
    HeatTree(host.root).sensors()
    HeatTree(host.root).throttles()
    AdapterTree(host.root).adapters()
    DiskTree(host.root).offline()


@pytest.mark.parametrize(
    ("text", "value"), [("12", 12), ("-5", -5), ("", None), ("0x1", None), ("9" * 21, None), ("٣", None)]
)
def test_only_plain_numbers_are_numbers(tmp_path: Path, text: str, value: int | None) -> None:
    (tmp_path / "file").write_text(text)

    assert files.number(tmp_path / "file") == value
