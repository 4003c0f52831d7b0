"""The burst bench at its smallest, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.timeout(300)
@pytest.mark.parametrize("direct", [False, True])
def test_a_small_burst_is_told_replaced_and_recorded(tmp_path: Path, direct: bool) -> None:
    command = [sys.executable, "-m", "nfvi_ha", "lab", "bench", "burst"]
    size = ["--vms", "4", "--fail", "2", "--within", "0.1", "--repeat", "2", "--boot", "0.1"]
    done = subprocess.run(
        [*command, *size, *(["--direct"] if direct else []), "-o", "json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [run["failed"] for run in result["runs"]] == [2, 2]
    for run in result["runs"]:
        assert run["all_received_ms"] > 0
        assert run["all_replacements_created_ms"] > 0
        assert run["all_deliveries_recorded_ms"] >= run["all_incidents_created_ms"]
        assert run["until_settled"]["operator_watch_events"] > 0
    ways = 3 if direct else 1
    assert len(result["summary"]) == ways
    assert 0 < result["summary"]["event_to_received_ms"]["max"] < 10_000
    assert result["operator_rss_mb"]["peak"] > 10
