"""Anything may happen in any order: nothing is called failed that lives, nothing that died is left untold.

The seeds are fixed, so that this test says the same of the same code wherever it runs (an update of Hypothesis draws
other histories). ``make explore`` draws new ones for as long as it is let, and prints what repeats a failure.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .explorer import Detection

SEEDS: Final = tuple(int(number) for number in os.environ.get("NFVI_HA_SIM_SEEDS", "1 2 3").split())
EXAMPLES: Final = int(os.environ.get("NFVI_HA_SIM_EXAMPLES", "10"))
"""How many histories to try with each seed; all together take some 20 s."""
PHASES: Final = (Phase.generate, *([Phase.shrink] if "NFVI_HA_SIM_SHRINK" in os.environ else []))
"""Shrinking a history of simulated minutes takes as many real ones: only on demand."""


@pytest.mark.parametrize("number", SEEDS)
def test_whatever_happens_what_is_said_is_true_and_all_ends_well(number: int) -> None:
    machine = seed(number)(type("Detection", (Detection,), {}))
    setup = settings(
        max_examples=EXAMPLES,
        stateful_step_count=25,
        deadline=None,
        database=None,
        phases=PHASES,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    try:
        run_state_machine_as_test(machine, settings=setup)
    except AssertionError as error:
        error.add_note(
            f"To repeat it: NFVI_HA_SIM_SEEDS={number} NFVI_HA_SIM_EXAMPLES={EXAMPLES} NFVI_HA_SIM_SHRINK=1 "
            "pytest tests/sim/verdicts/test_explorer.py"
        )
        raise
