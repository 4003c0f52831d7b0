"""Keys, ranks, settings and reports: what is read from others, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.key_material import read_keys
from nfvi_ha.core.views import OwnerView, VmView
from nfvi_ha.sentinel.scribe.entries import vm_entry
from nfvi_ha.sentinel.scribe.rank import Rank
from nfvi_ha.sentinel.scribe.report import BadReport, read_report
from nfvi_ha.sentinel.scribe.settings import BadSettings, read_settings

KEY = bytes(range(32))


def test_keys_of_beats_are_read_and_what_is_none_is_named() -> None:
    entries = {"master-1": KEY, "master-12": KEY, "vote": KEY, "master-01": KEY, "master-4294967296": KEY}
    keys = read_keys({**entries, "master-3": b"short", "note": KEY})
    assert sorted(keys.masters) == [1, 12]
    assert keys.vote == KEY
    assert keys.rejected == ("master-01", "master-3", "master-4294967296", "note")
    assert KEY.hex() not in repr(keys)


def test_the_lowest_living_seat_writes_at_once() -> None:
    rank = Rank(2, 0.5)
    assert rank.delay_seconds() == 1.0
    rank.heard([1, 2])
    assert rank.delay_seconds() == 0.5
    rank.heard([2])
    assert rank.delay_seconds() == 0.0
    rank.heard([0, 1, 2, "x", -1, None])
    assert rank.delay_seconds() == 1.0
    rank.heard([])
    assert rank.delay_seconds() == 0.0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "JSON"),
        ('{"stateDir": "/s"}', "seat"),
        ('{"seat": 3, "stateDir": "/s"}', "seat"),
        ('{"seat": 0}', "stateDir"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(BadSettings, match=word):
        read_settings(path)
    with pytest.raises(BadSettings, match="cannot be read"):
        read_settings(tmp_path / "none.json")


REPORT: dict[str, Any] = {
    "node": "worker-1",
    "state": "Failed",
    "reason": "Silent",
    "bootID": "boot-1",
    "confidence": "high",
    "since": "2026-01-02T03:04:05.678Z",
    "vms": 7,
}


def test_a_report_is_read_and_its_details_are_kept() -> None:
    report = read_report(REPORT)
    assert (report.node, report.state, report.confidence) == ("worker-1", "Failed", Confidence.HIGH)
    assert report.details == {"vms": 7}


@pytest.mark.parametrize("word", ["", "low", "High", "sure"])
def test_what_is_not_surely_a_quorums_word_is_one_seats(word: str) -> None:
    assert read_report({**REPORT, "confidence": word}).confidence is Confidence.LOW


@pytest.mark.parametrize(
    "change", [{"node": ""}, {"node": 1}, {"state": None}, {"since": "now"}, {"since": "2026-01-02T03:04:05"}]
)
def test_a_report_that_cannot_be_used_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadReport):
        read_report({**REPORT, **change})


def vm(**fields: Any) -> VmView:
    return VmView("uid-1", "tenant", "fw-0-1", node="worker-1", phase="Running", **fields)


def test_a_vm_of_a_set_tells_its_slot() -> None:
    owner = OwnerView("nfvi-ha.io/v1alpha1", "VNFReplicaSet", "fw", "uid-0")
    entry = vm_entry(vm(owner=owner, labels=(("nfvi-ha.io/slot", "3"),)))
    assert (entry["vnf"], entry["slot"], entry["report"], entry["going"]) == ("fw", 3, True, False)


def test_a_label_without_a_set_is_no_slot() -> None:
    entry = vm_entry(vm(labels=(("nfvi-ha.io/slot", "3"),)))
    assert (entry["vnf"], entry["slot"]) == ("", None)


@pytest.mark.parametrize("fields", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"migrating": True}])
def test_the_end_of_a_vm_that_ended_or_moves_is_no_failure(fields: dict[str, Any]) -> None:
    entry = vm_entry(VmView("uid-1", "tenant", "fw-0-1", **fields))
    assert entry["going"] is True
