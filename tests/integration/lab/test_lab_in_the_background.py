"""``nfvi-ha lab up``, ``run``, ``status`` and ``down``, as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_end_of_lab import none_left

from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.vm_runs import MEASURES


@pytest.mark.timeout(240)
async def test_a_lab_comes_up_measures_and_goes(assets: Assets, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}

    def lab(*arguments: str, expect: int = 0) -> str:
        argv = [sys.executable, "-m", "nfvi_ha", "lab", *arguments]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == expect, done.stderr
        return done.stdout

    assert json.loads(lab("status", "-o", "json", expect=3))["state"] == "Stopped"
    try:
        first = json.loads(lab("up", "--hypervisors", "2", "--no-agents", "-o", "json"))
        assert json.loads(lab("up", "-o", "json")) == first  # the one that is up
        status = json.loads(lab("status", "-o", "json"))
        assert (status["state"], status["operators"]) == ("Running", {"operator-0": "ready"})
        assert status["hypervisors"] == {"hypervisor-1": "on, without an agent", "hypervisor-2": "on, without an agent"}
        assert status["sentinels"] == {}
        assert lab("kubeconfig").strip() == first["kubeconfig"]

        result = json.loads(lab("run", "vm-kill", "-n", "2", "--replicas", "3", "-o", "json"))
        assert result["scenario"] == "vm-kill"
        assert set(result["machine"]) == {"cpu", "cores", "kernel", "python", "kubernetes"}
        assert len(result["runs"]) == 2
        for run in result["runs"]:
            notified, created, ready = (run[name] for name in MEASURES)
            assert notified >= 210
            assert 210 <= created < ready
        for name in MEASURES:
            assert set(result["summary"][name]) == {"p50", "p95", "p99", "max"}
            assert result["summary"][name]["p99"] is None
            assert result["summary"][name]["max"] == max(run[name] for run in result["runs"])
    finally:
        stopped = json.loads(lab("down", "-o", "json"))
    assert stopped == {"stopped": True}
    await none_left(tmp_path)
    assert json.loads(lab("down", "-o", "json")) == {"stopped": False}
