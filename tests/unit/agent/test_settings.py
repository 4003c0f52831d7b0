import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nfvi_ha.agent.config import AgentConfig, load
from nfvi_ha.agent.settings import AgentSettings, SettingsError, check
from tests.unit.agent.fake_sentinel import CLUSTER, KEYS, NODE, FakeSentinel
from tests.unit.agent.running_agent import ROOT, free_port

LEAST: dict[str, Any] = {
    "node": "worker-1",
    "cluster": "edge-7",
    "networks": [{"name": "management", "bind": "10.0.0.0/24"}],
}


def test_what_is_checked_is_what_the_processes_read(tmp_path: Path) -> None:
    raw = LEAST | {
        "sentinels": [{"seat": 2, "network": "management", "address": "10.0.0.9"}],
        "keys": {"1": "00" * 32},
        "stateDir": str(tmp_path),
        "keyService": {"url": "https://keys.example/v1/node-key"},
        "goodbye": {"reason": "reboot", "seconds": 300},
        "probes": {"vm": {"periodMs": 50}},
    }
    config = check(raw, "x").config()
    (tmp_path / "agent.json").write_text(json.dumps(config.to_json()))
    assert load(tmp_path / "agent.json") == config
    assert isinstance(config, AgentConfig)
    assert (config.networks[0].port, config.sentinels[0].port) == (7946, 7946)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"node": ""}, "node"),
        ({"networks": []}, "networks"),
        ({"networks": [{"name": "a", "bind": "10.0.0.256"}]}, "networks.0.bind"),
        ({"networks": [{"name": "a", "bind": "10.0.0.1"}, {"name": "a", "bind": "10.0.1.1"}]}, "networks: two have"),
        ({"networks": [{"name": "a", "bind": "10.0.0.1", "prot": 1}]}, "networks.0.prot"),
        ({"sentinels": [{"seat": 3, "network": "management", "address": "10.0.0.9"}]}, "sentinels.0.seat"),
        ({"sentinels": [{"seat": 1, "network": "storage", "address": "10.0.0.9"}]}, "'storage', which is none"),
        ({"sentinels": [{"seat": 1, "network": "management", "address": "seat-1.example"}]}, "sentinels.0.address"),
        ({"keys": {"1": "00"}}, "keys.1"),
        ({"keyService": {"url": "http://keys.example"}}, "keyService.url"),
        ({"bootId": "x"}, "bootId"),
        ({"goodbye": {"reason": "boredom"}}, "goodbye.reason"),
        ({"periodMs": 1}, "periodMs"),
        ({"logLevel": "loud"}, "logLevel"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check(LEAST | change, "agent.yaml")
    assert "agent.yaml: " in str(caught.value)
    assert place in str(caught.value)


def test_one_wrong_setting_is_one_line() -> None:
    with pytest.raises(SettingsError) as caught:
        check(LEAST | {"networks": [{"name": "a", "bind": "10.0.0.256"}]}, "agent.yaml")
    assert len(str(caught.value).splitlines()) == 1


def test_least_settings_are_enough() -> None:
    assert AgentSettings.model_validate(LEAST).period_ms == 100


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfvi_ha", "agent", "run", *options]
    environment = {name: value for name, value in os.environ.items() if name not in {"NODE_NAME", "POD_NAMESPACE"}}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment, check=False)


def test_command_says_what_is_wrong_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("[1, 2]")
    assert "not a mapping" in run("--config", str(tmp_path / "agent.yaml")).stderr
    done = run("--node", "w", "--network", "management=10.0.0.1", "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 1
    assert "options: cluster: its name is needed" in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("text", ["management", "management=fd00::1:7946", "=10.0.0.1"])
def test_command_refuses_networks_it_cannot_read(text: str) -> None:
    assert run("--network", text).returncode == 2


def test_command_becomes_the_beat_process(tmp_path: Path) -> None:
    sentinel = FakeSentinel()
    settings = LEAST | {"node": "other", "keys": {1: KEYS[1].hex()}, "stateDir": str(tmp_path), "host": "127.0.0.1"}
    (tmp_path / "agent.yaml").write_text(yaml.safe_dump(settings))
    host, port = sentinel.address
    options = ["--node", NODE, "--cluster", CLUSTER, "--network", f"management=127.0.0.0/8:{free_port()}"]
    options += ["--sentinel", f"0/management={host}:{port}", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nfvi_ha", "agent", "run", "--config", str(tmp_path / "agent.yaml"), *options],
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    try:
        sentinel.beat(seconds=30)
        assert b"nfvi_ha.agent.beat" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert oct((tmp_path / "agent.json").stat().st_mode)[-3:] == "600", "it may hold keys"
        process.terminate()
        sentinel.wait_for(lambda heard: heard.kind.name == "GOODBYE")
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
        sentinel.close()
