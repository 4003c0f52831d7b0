"""The probe on real links, bridges and routes. Bounds are generous: what is asserted is what is told, not speed."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.link.namespace_child import NOT_PERMITTED
from tests.unit.agent.running_agent import ROOT

TOLERANCE_MS = 160
"""Three periods of the probe: this machine may be busy with other things."""


def play(scenario: str, directory: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.unit.agent.link.namespace_child", scenario, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT, check=False)
    if done.returncode == NOT_PERMITTED:
        pytest.skip(f"network namespaces are not permitted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert result.pop("early") == [], "something was told before the fault"
    return result


def told_ms(detail: str) -> int:
    found = re.search(r"(\d+) ms", detail)
    return int(found[1]) if found else 0


def test_pulled_cable_is_told_with_what_it_did_to_the_path(tmp_path: Path) -> None:
    result = play("link-down", tmp_path)
    assert result["link_ms"] < 1000
    assert result["loss_ms"] < 1500
    assert result["detail"].startswith("storage0 has no carrier; ")
    assert abs(told_ms(result["detail"]) - result["stream_ms"]) < TOLERANCE_MS


def test_silent_switch_without_failover_is_a_dead_path(tmp_path: Path) -> None:
    result = play("blackhole", tmp_path)
    assert 1000 < result["dead_ms"] < 3000
    assert result["detail"] == "no target answers for more than 1 s over storage0"
    assert "link.down" not in result["kinds"]


def test_failover_by_routes_is_measured(tmp_path: Path) -> None:
    result = play("moved", tmp_path)
    assert result["detail"].startswith("failed over to storage1 in ")
    assert abs(told_ms(result["detail"]) - result["stream_ms"]) < TOLERANCE_MS


def test_late_failover_by_routes_is_critical_and_measured(tmp_path: Path) -> None:
    result = play("moved-late", tmp_path)
    assert result["detail"].startswith("failed over to storage1 in ")
    assert told_ms(result["detail"]) > 1000
    assert abs(told_ms(result["detail"]) - result["stream_ms"]) < TOLERANCE_MS


def test_both_cables_pulled_is_a_dead_path(tmp_path: Path) -> None:
    result = play("both-down", tmp_path)
    assert result["dead_ms"] < 2000
    assert result["cause"] in {"AllMembersDown", "NoAnswer"}
