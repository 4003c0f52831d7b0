"""The commands of ``nfvi-ha lab`` that need no lab, and what the command line costs everybody else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.lab.commands import app
from nfvi_ha.lab.crds import kubevirt_crds
from nfvi_ha.lab.play import RunOptions
from nfvi_ha.lab.runner import lab_for
from nfvi_ha.lab.scenarios import SCENARIOS, AnyScenario
from nfvi_ha.lab.scenarios.host_scenario import HostScenario


def test_scenarios_are_listed_as_one_json_object() -> None:
    done = CliRunner().invoke(app, ["scenarios", "-o", "json"])
    assert done.exit_code == 0
    assert set(json.loads(done.stdout)) == set(SCENARIOS)


def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    done = CliRunner().invoke(app, ["run", "no-such"])
    assert done.exit_code == 2
    assert "vm-kill" in done.output


def test_without_a_lab_status_says_stopped_and_kubeconfig_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["status", "--state-dir", str(tmp_path), "-o", "json"])
    assert (done.exit_code, json.loads(done.stdout)["state"]) == (3, "Stopped")
    done = CliRunner().invoke(app, ["kubeconfig", "--state-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "nfvi-ha lab up" in done.output
    done = CliRunner().invoke(app, ["down", "--state-dir", str(tmp_path), "-o", "json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"stopped": False})


def test_loading_the_commands_loads_no_kubernetes_client() -> None:
    code = (
        "import sys, nfvi_ha.lab.commands; print([m for m in sys.modules if m.split('.')[0] in ('kubernetes', 'kopf')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda item: item.name)
def test_a_scenario_that_expects_no_word_forbids_one(scenario: AnyScenario) -> None:
    wanted = {word.kind for word in scenario.words} if isinstance(scenario, HostScenario) else set(scenario.notified)
    assert wanted or scenario.forbidden
    assert not wanted & set(scenario.forbidden)


HOST_SCENARIOS = [item for item in SCENARIOS.values() if isinstance(item, HostScenario)]


@pytest.mark.parametrize("scenario", HOST_SCENARIOS, ids=lambda item: item.name)
def test_a_scenario_on_a_host_names_faults_that_there_are(scenario: HostScenario) -> None:
    kinds = {kind.value for kind in FaultKind}
    assert {word.kind for word in (*scenario.words, *scenario.cleared)} | set(scenario.forbidden) <= kinds


@pytest.mark.parametrize("scenario", HOST_SCENARIOS, ids=lambda item: item.name)
def test_measures_of_a_scenario_have_names_of_their_own(scenario: HostScenario) -> None:
    names = [word.measure for word in (*scenario.words, *scenario.cleared)]
    assert len(names) == len(set(names))


def test_a_lab_of_its_own_is_as_large_as_the_scenario_needs() -> None:
    lab = lab_for(SCENARIOS["rack-cut"], RunOptions(1), hypervisors=None, operators=None, agents=True)
    assert lab.hypervisors >= 13
    lab = lab_for(SCENARIOS["vm-kill"], RunOptions(1, kill_leader=True), hypervisors=3, operators=None, agents=False)
    assert (lab.hypervisors, lab.operators, lab.agents) == (3, 2, False)


def test_the_crds_come_with_the_package() -> None:
    (crd,) = kubevirt_crds()
    assert crd["metadata"]["name"] == "virtualmachineinstances.kubevirt.io"
    (version,) = crd["spec"]["versions"]
    assert "subresources" not in version  # as KubeVirt's: status is written through the object itself
