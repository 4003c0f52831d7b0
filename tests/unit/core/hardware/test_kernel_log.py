from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.fault import FaultKind, Severity
from nfvi_ha.core.hardware import kernel_log, kmsg_record
from nfvi_ha.core.hardware.kmsg_record import KmsgRecord
from nfvi_ha.core.hardware.rules import RULES

SAMPLES = Path(__file__).parents[2] / "agent" / "hardware" / "samples" / "kernel.log"
LINES = [line.split("\t") for line in SAMPLES.read_text().splitlines() if not line.startswith("#")]


def record(text: str, facility: int = 0, fragment: bool = False) -> KmsgRecord:
    return KmsgRecord(3, facility, 1, 1.0, fragment, text)


@pytest.mark.parametrize(
    ("rule", "component", "line"), LINES, ids=[f"{row[0]}-{index}" for index, row in enumerate(LINES)]
)
def test_each_line_is_told_for_what_it_is(rule: str, component: str, line: str) -> None:
    found = kernel_log.sighting(record(line))

    assert (found.rule.name, found.component) == (rule, component) if found else (rule, component) == ("-", "-")


def test_every_rule_of_the_log_has_a_sample() -> None:
    assert {each.rule.name for each in kernel_log.LOG_RULES} <= {rule for rule, _, _ in LINES}


def test_a_line_of_a_program_is_not_the_kernels_word() -> None:
    assert not kernel_log.is_ours(record("EDAC MC0: 1 UE", facility=1))
    assert kernel_log.is_ours(record("EDAC MC0: 1 UE", facility=1), max_facility=1)
    assert not kernel_log.is_ours(record("EDAC MC0: 1 UE", fragment=True))


def test_a_record_is_read_with_its_dictionary_and_escapes() -> None:
    raw = b"6,1234,5678901,-;sd 0:0:0:0: [sda] name\\x5c1\\x0a\n SUBSYSTEM=scsi\n DEVICE=+scsi:0:0:0:0\n"

    assert kmsg_record.parse(raw) == KmsgRecord(6, 0, 1234, 5.678901, False, "sd 0:0:0:0: [sda] name\\1\n")


def test_a_records_facility_and_continuation_are_read() -> None:
    found = kmsg_record.parse(b"30,7,100,c,caller=T1;text")

    assert found is not None
    assert (found.facility, found.level, found.fragment) == (3, 6, True)


@given(st.binary(max_size=300) | st.builds(lambda text: b"3,1,1,-;" + text, st.binary(max_size=300)))
def test_no_bytes_of_the_log_raise(raw: bytes) -> None:
    found = kmsg_record.parse(raw)
    if found is not None:
        kernel_log.sighting(found)


@given(st.sampled_from([line for _, _, line in LINES]), st.text(max_size=40), st.integers(0, 60))
def test_a_spoiled_line_gives_a_component_that_a_sentinel_takes(line: str, junk: str, at: int) -> None:
    found = kernel_log.sighting(record(line[:at] + junk + line[at:]))

    assert found is None or (
        0 < len(found.component) <= 120 and all("!" <= letter <= "~" for letter in found.component)
    )


def test_rules_have_names_of_their_own_and_advice_that_fits_a_beat() -> None:
    names = [rule.name for rule in RULES]

    assert len(set(names)) == len(names)
    assert all(len(rule.advice.encode()) <= 56 and (rule.advice or rule.kind is None) for rule in RULES)
    assert all(len(rule.detail("x" * 500).encode()) <= 120 for rule in RULES)
    assert all(rule.detail("é" * 500).endswith(rule.advice) for rule in RULES)


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if ("orrected" in rule.name and "Un" not in rule.name) or "lapping" in rule.name]
)
def test_what_was_corrected_and_a_flapping_link_are_warnings_at_most(rule: object) -> None:
    assert (rule.kind, rule.severity) == (FaultKind.HARDWARE_DEGRADED, Severity.WARNING)  # type: ignore[attr-defined]


def test_only_failures_are_critical_failures() -> None:
    failed = [rule for rule in RULES if rule.kind is FaultKind.HARDWARE_FAILED]

    assert all(rule.severity is Severity.CRITICAL for rule in failed)
    assert all(rule.rate is None for rule in failed)
