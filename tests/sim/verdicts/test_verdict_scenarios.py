"""Every scenario of detection gives the log that was looked at and kept."""

import pytest

from tests.sim.script import run_scenario, scenario_names

from .scenario import SCENARIOS, VerdictScenario


@pytest.mark.parametrize("name", scenario_names(SCENARIOS))
def test_scenario_gives_its_expected_log(name: str) -> None:
    expected = SCENARIOS / name / "expected.log"

    log = run_scenario(VerdictScenario(), SCENARIOS / name)

    assert log.splitlines() == expected.read_text().splitlines(), f"see python -m tests.sim.run verdicts/{name}"
