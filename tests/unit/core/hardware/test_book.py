import contextlib
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.hardware import memory, pcie, temperature
from nfvi_ha.core.hardware.book import HardwareBook
from nfvi_ha.core.hardware.bucket import Bucket
from nfvi_ha.core.hardware.counter import increase
from nfvi_ha.core.hardware.decision import Decision, Finding
from nfvi_ha.core.hardware.disk import OFFLINE
from nfvi_ha.core.hardware.memory import Controller, Dimm
from nfvi_ha.core.hardware.pcie import PciDevice, PcieWatch
from nfvi_ha.core.hardware.rule import HOURLY, Lasting, Rate, Source, with_rates
from nfvi_ha.core.hardware.rules import RULES
from nfvi_ha.core.hardware.temperature import Sensor, TemperatureWatch, Throttle

NAMED = with_rates(RULES, {})


def book() -> HardwareBook:
    return HardwareBook(NAMED)


def said(decisions: Iterable[Decision]) -> list[tuple[str, str, str]]:
    return [(str(each.verb), each.finding.rule.name, each.finding.component) for each in decisions]


def controller(ce: int = 0, ue: int = 0, ce_dimm: int = 0, ue_dimm: int = 0, nowhere: int = 0) -> Controller:
    return Controller("mc0", ce, ue, 0, nowhere, (Dimm("dimm0", "DIMM_A1", ce_dimm, ue_dimm),))


class TestMemory:
    def test_an_uncorrected_error_is_told_at_once_with_its_dimm(self) -> None:
        watched = book()
        memory.judge(watched, [controller()], 0.0)

        decisions = memory.judge(watched, [controller(ue=1, ue_dimm=1)], 1.0)

        assert said(decisions) == [("event", "MemoryUncorrected", "memory/mc0/dimm0")]
        assert decisions[0].finding.detail == "1 uncorrected errors on DIMM_A1; move the VMs away and replace it"

    def test_an_uncorrected_error_from_before_the_agent_is_told(self) -> None:
        decisions = memory.judge(book(), [controller(ue=1, ue_dimm=1)], 0.0)

        assert said(decisions) == [("event", "MemoryUncorrected", "memory/mc0/dimm0")]
        assert "before the agent looked" in decisions[0].finding.detail

    def test_an_error_of_no_known_dimm_is_the_controllers(self) -> None:
        watched = book()
        memory.judge(watched, [controller()], 0.0)

        assert said(memory.judge(watched, [controller(ue=1, nowhere=1)], 1.0)) == [
            ("event", "MemoryUncorrected", "memory/mc0")
        ]
        assert said(memory.judge(watched, [controller(ue=2, nowhere=1)], 2.0)) == [
            ("event", "MemoryUncorrected", "memory/mc0")
        ]

    def test_corrected_errors_warn_above_their_rate_only_and_clear_when_it_sank(self) -> None:
        watched = book()
        memory.judge(watched, [controller(ce=500, ce_dimm=500)], 0.0)

        assert memory.judge(watched, [controller(ce=510, ce_dimm=510)], 1.0) == []
        assert said(memory.judge(watched, [controller(ce=512, ce_dimm=512)], 2.0)) == [
            ("put", "MemoryCorrected", "memory/mc0/dimm0")
        ]
        assert watched.tick(2.0 + 1000) == []
        assert said(watched.tick(2.0 + 3600)) == [("clear", "MemoryCorrected", "memory/mc0/dimm0")]

    def test_a_counter_that_was_reset_counts_on(self) -> None:
        watched = book()
        memory.judge(watched, [controller(ue=5, ue_dimm=5)], 0.0)

        assert memory.judge(watched, [controller()], 1.0) == []
        assert len(memory.judge(watched, [controller(ue=1, ue_dimm=1)], 2.0)) == 1

    def test_what_was_told_before_a_restart_is_not_told_again_and_what_came_meanwhile_is(self) -> None:
        first = book()
        memory.judge(first, [controller(ue=1, ue_dimm=1)], 0.0)
        second = book()
        second.restore(json.loads(json.dumps(first.to_json())))

        assert memory.judge(second, [controller(ue=1, ue_dimm=1)], 5.0) == []
        assert len(memory.judge(second, [controller(ue=2, ue_dimm=2)], 6.0)) == 1


class TestPcie:
    @staticmethod
    def device(address: str = "0000:3b:00.0", **errors: int) -> PciDevice:
        return PciDevice(address, {f"Pcie{name}": value for name, value in errors.items()}, {})

    def test_a_fatal_error_is_told_at_once(self) -> None:
        watch = PcieWatch(book())
        watch.judge([self.device(Fatal=0)], 0.0)

        assert said(watch.judge([self.device(Fatal=1)], 1.0)) == [("event", "PcieFatal", "pci/0000:3b:00.0")]

    def test_non_fatal_errors_stand_for_an_hour_and_those_of_booting_are_not_told(self) -> None:
        watched = book()
        watch = PcieWatch(watched)

        assert watch.judge([self.device(NonFatal=3)], 0.0) == []
        assert said(watch.judge([self.device(NonFatal=4)], 1.0)) == [
            ("put", "PcieNonFatal", "pci/0000:3b:00.0/nonfatal")
        ]
        assert said(watched.tick(3700.0)) == [("clear", "PcieNonFatal", "pci/0000:3b:00.0/nonfatal")]

    def test_corrected_errors_warn_by_rate(self) -> None:
        watch = PcieWatch(book())
        watch.judge([self.device(Corrected=0)], 0.0)

        assert watch.judge([self.device(Corrected=10)], 1.0) == []
        assert said(watch.judge([self.device(Corrected=12)], 2.0)) == [
            ("put", "PcieCorrected", "pci/0000:3b:00.0/corrected")
        ]

    @staticmethod
    def port(messages: int) -> PciDevice:
        return PciDevice("0000:3a:00.0", {"PcieFatal": 0}, {"PcieFatal": messages})

    def test_an_error_that_its_device_counts_is_not_the_root_ports_too(self) -> None:
        watch = PcieWatch(book())
        watch.judge([self.port(0), self.device(Fatal=0)], 0.0)

        # The kernel counts the message first.
        assert watch.judge([self.port(1), self.device(Fatal=0)], 1.0) == []
        assert said(watch.judge([self.port(1), self.device(Fatal=1)], 2.0)) == [
            ("event", "PcieFatal", "pci/0000:3b:00.0")
        ]
        assert watch.judge([self.port(1), self.device(Fatal=1)], 3.0) == []

    def test_an_error_of_a_device_that_is_gone_is_told_by_its_root_port(self) -> None:
        watch = PcieWatch(book())
        watch.judge([self.port(0), self.device(Fatal=2)], 0.0)

        assert watch.judge([self.port(1)], 1.0) == []
        assert said(watch.judge([self.port(1)], 2.0)) == [("event", "PcieFatal", "pci/0000:3a:00.0")]


class TestTemperature:
    @staticmethod
    def sensor(degrees: float | None, *, alarm: bool = False, critical: float = 95.0) -> Sensor:
        return Sensor("coretemp.0", "temp1", "Package id 0", degrees, 85.0, critical, critical_alarm=alarm)

    def test_a_fault_lasts_while_it_is_so_with_hysteresis(self) -> None:
        watch = TemperatureWatch(book())

        assert watch.judge([self.sensor(96.0)]) == []
        assert said(watch.judge([self.sensor(96.0)])) == [
            ("put", "TemperatureCritical", "thermal/coretemp.0/temp1/critical"),
            ("put", "TemperatureHigh", "thermal/coretemp.0/temp1"),
        ]
        assert watch.judge([self.sensor(93.0)]) == []
        assert said(watch.judge([self.sensor(91.0)])) == [
            ("clear", "TemperatureCritical", "thermal/coretemp.0/temp1/critical")
        ]
        assert said(watch.judge([])) == [("clear", "TemperatureHigh", "thermal/coretemp.0/temp1")]

    def test_one_misreading_is_not_told(self) -> None:
        watch = TemperatureWatch(book())

        assert (
            watch.judge([self.sensor(127.0)]) + watch.judge([self.sensor(40.0)]) + watch.judge([self.sensor(127.0)])
            == []
        )

    def test_an_alarm_needs_no_reading(self) -> None:
        watch = TemperatureWatch(book())
        watch.judge([self.sensor(None, alarm=True)])

        assert len(watch.judge([self.sensor(None, alarm=True)])) == 1

    @pytest.mark.parametrize("limit", [0.0, -273.0, 255.0])
    def test_a_limit_that_cannot_be_is_none(self, limit: float) -> None:
        watch = TemperatureWatch(book())
        for _ in range(3):
            assert watch.judge([self.sensor(60.0, critical=limit)]) == []

    def test_throttling_is_told_once_for_a_package(self) -> None:
        watched = book()
        cpus = [Throttle(cpu, 0, 0, 0) for cpu in range(8)]
        temperature.judge_throttling(watched, cpus, 0.0)

        hot = [Throttle(cpu, 0, 5, 20) for cpu in range(8)]

        assert said(temperature.judge_throttling(watched, hot, 1.0)) == [
            ("put", "CpuThrottled", "cpu/package0/throttled")
        ]


class TestStates:
    finding = Finding(OFFLINE, "disk/sda", "sda is offline")

    def test_a_state_is_over_when_it_is_not_seen_any_more(self) -> None:
        watched = book()

        assert said(watched.present(Source.DISK_STATE, [self.finding])) == [("put", "DiskOffline", "disk/sda")]
        assert watched.present(Source.DISK_STATE, [self.finding]) == []
        assert watched.present(Source.DISK_HEALTH, []) == []
        assert said(watched.present(Source.DISK_STATE, [])) == [("clear", "DiskOffline", "disk/sda")]

    def test_what_stood_stands_after_a_restart_until_it_is_seen_to_be_over(self) -> None:
        first = book()
        first.present(Source.DISK_STATE, [self.finding])
        second = book()

        assert said(second.restore(json.loads(json.dumps(first.to_json())))) == [("put", "DiskOffline", "disk/sda")]
        assert said(second.present(Source.DISK_STATE, [])) == [("clear", "DiskOffline", "disk/sda")]

    def test_the_number_of_things_that_stand_is_bounded(self) -> None:
        watched = book()
        rule = next(rule for rule in RULES if rule.name == "DiskIOError")
        for number in range(1000):
            watched.happened(rule, f"disk/sd{number}/errors", "I/O error", 0.0)

        assert len(watched.standing.findings()) == 128

    def test_a_worse_finding_on_the_same_is_said(self) -> None:
        watched = book()
        warning, major = NAMED["NvmeTimeout"], NAMED["NvmeDown"]
        watched.standing.hold(Finding(warning, "disk/x", "slow"))

        assert said(watched.standing.hold(Finding(major, "disk/x", "down"))) == [("put", "NvmeDown", "disk/x")]
        assert watched.standing.hold(Finding(warning, "disk/x", "slow")) == []


class TestRates:
    def test_a_steady_trickle_below_the_rate_is_never_over(self) -> None:
        bucket = Bucket()

        assert not any(bucket.add(1, HOURLY, second * 400.0) for second in range(200))

    def test_a_storm_is_over_within_hours_however_large(self) -> None:
        bucket = Bucket()
        bucket.add(10**9, HOURLY, 0.0)

        assert not bucket.add(0, HOURLY, 4 * 3600.0)

    def test_a_rate_can_be_set_for_rules_that_have_one_only(self) -> None:
        assert with_rates(RULES, {"MemoryCorrected": Rate(1, 60.0)})["MemoryCorrected"].rate == Rate(1, 60.0)
        with pytest.raises(ValueError, match="MemoryUncorrected"):
            with_rates(RULES, {"MemoryUncorrected": Rate(1, 60.0)})

    @given(st.integers(0, 2**64), st.integers(0, 2**64))
    def test_an_increase_is_never_below_zero(self, before: int, value: int) -> None:
        assert increase(before, value) >= 0

    @pytest.mark.parametrize(("before", "value", "more"), [(3, 5, 2), (5, 0, 0), (5, 2, 2), (2**32 - 1, 3, 4)])
    def test_resets_and_wraps(self, before: int, value: int, more: int) -> None:
        assert increase(before, value) == more

    def test_a_rule_without_a_kind_is_counted_and_not_told(self) -> None:
        counted: list[tuple[str, int]] = []
        watched = HardwareBook(NAMED, lambda rule, component, errors: counted.append((rule, errors)))

        assert watched.happened(NAMED["OutOfMemoryInPod"], "kernel/out-of-memory", "Killed process", 0.0) == []
        assert counted == [("OutOfMemoryInPod", 1)]

    @given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=3)))
    def test_damaged_notes_raise_only_what_is_caught(self, junk: object) -> None:
        with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
            book().restore({"counters": junk, "buckets": junk, "standing": junk})


def test_pcie_names_fit_their_rules() -> None:
    assert {rule.name for rule in pcie.RULES} == set(pcie.SUFFIX)
    assert all(rule.lasting is not Lasting.RATE or rule.rate is not None for rule in RULES)
