"""Every scenario gives the log that was looked at and kept."""

import pytest

from .scenario import SCENARIOS, Scenario
from .script import run_scenario, scenario_names


@pytest.mark.parametrize("name", scenario_names(SCENARIOS))
def test_scenario_gives_its_expected_log(name: str) -> None:
    expected = SCENARIOS / name / "expected.log"

    log = run_scenario(Scenario(), SCENARIOS / name)

    assert log.splitlines() == expected.read_text().splitlines(), f"see python -m tests.sim.run {name}"


def test_there_are_scenarios() -> None:
    assert len(scenario_names(SCENARIOS)) >= 20
