"""The README's promises, kept by the command itself."""

import re
import subprocess
import time

import pytest

from conftest import Run
from nfvi_ha import __version__


def test_version_and_help_explain(run: Run) -> None:
    assert run("--version").out.strip() == f"nfvi-ha {__version__}"
    shown = run("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in ("operator", "receiver", "lab"))


def test_an_unknown_scenario_is_refused_with_those_there_are(run: Run) -> None:
    refused = run("lab", "run", "no-such-thing")
    assert refused.code == 2
    assert "vm-kill" in refused.err


@pytest.mark.timeout(600)
def test_the_demo_shows_the_main_job_and_starts_within_30_s_the_second_time(run: Run) -> None:
    shown = run("lab", "demo", seconds=300)
    assert shown.code == 0, shown
    row = re.search(r"SIGKILL to (vnf-\d+-1)\D+(\d+) ms\D+(vnf-\d+-2)\D+([\d.]+) s", shown.out)
    assert row, shown
    assert int(row[2]) <= 1000
    assert "vm.failed" in shown.out
    assert "vm.recovered" in shown.out
    assert re.search(r"vnf\s+5\s+5\s+5\s+0", shown.out), shown
    ready = re.search(r"\[\s*(\d+) s\] lab: ready", shown.out + shown.err)
    assert ready, shown
    assert int(ready[1]) <= 30, "with the control plane cached"


@pytest.mark.timeout(600)
def test_a_scenario_prints_one_json_object_and_nothing_else(run: Run) -> None:
    done = run("lab", "run", "vm-kill", "-n", "5", "-o", "json")
    assert done.code == 0, done
    result = done.json()
    assert result["scenario"] == "vm-kill"
    assert result["machine"]["cores"] >= 1
    assert len(result["runs"]) == 5
    for one in result["runs"]:
        assert 0 < one["notified_ms"] <= 1000
        assert 0 < one["replacement_created_ms"] < one["ready_ms"]
    assert set(result["summary"]["notified_ms"]) == {"p50", "p95", "p99", "max"}
    assert result["summary"]["notified_ms"]["p99"] is None, "below 100 runs p99 is null"


@pytest.mark.timeout(600)
def test_a_hypervisor_that_loses_power_is_told_with_its_vms_and_nothing_is_replaced_yet(run: Run) -> None:
    done = run("lab", "run", "hypervisor-off", "-n", "2", "--vms", "5", "-o", "json", seconds=500)
    assert done.code == 0, done
    result = done.json()
    assert result["options"]["network"] == "namespaces", "figures without links that can be cut do not count"
    for one in result["runs"]:
        assert 300 < one["notified_ms"] <= 3000  # a bound; benches measure
        assert one["notified_ms"] <= one["last_vm_ms"] <= 3000


@pytest.mark.timeout(600)
def test_a_short_soak_finds_no_false_alarm(run: Run) -> None:
    done = run("lab", "soak", "--minutes", "0.5", "--hypervisors", "8", "-o", "json")
    assert done.code == 0, done
    result = done.json()
    assert result["passed"]
    assert result["false_alarms"] == 0
    assert result["made"] == {"sentinel": 6, "agent": 2, "burst": 1}


@pytest.mark.timeout(600)
def test_a_lab_stays_up_is_used_and_leaves_nothing_behind(run: Run) -> None:
    assert run("lab", "status", "-o", "json").code == 3
    up = run("lab", "up", "-o", "json")
    assert up.code == 0, up
    try:
        state = run("lab", "status", "-o", "json")
        assert state.code == 0, state
        assert state.json()["state"] == "Running"
        assert set(state.json()["hypervisors"].values()) == {"on"}, "each with its agent"
        assert state.json()["sentinels"] == {f"sentinel-{seat}": "running" for seat in range(3)}
        kubeconfig = run("lab", "kubeconfig").out.strip()
        assert kubeconfig == up.json()["kubeconfig"]
        began = time.monotonic()
        shutdown = run("lab", "run", "guest-shutdown", "-n", "2", "-o", "json")
        assert shutdown.code == 0, shutdown
        assert time.monotonic() - began < 60
        again = run("lab", "up", "-o", "json")
        assert again.json()["kubeconfig"] == kubeconfig, "what is up is kept, not started twice"
    finally:
        down = run("lab", "down", "-o", "json")
    assert down.json() == {"stopped": True}
    assert run("lab", "status").code == 3
    left = subprocess.run(["pgrep", "-f", kubeconfig], capture_output=True, text=True, check=False).stdout
    assert left == ""
