"""Anything may happen in any order: nothing is called failed that lives, nothing that died is left untold.

The seeds are fixed, so that this test says the same of the same code wherever it runs. ``make explore`` draws new ones.
"""

from typing import Final

import pytest

from .explorer import broken, draw

SEEDS: Final = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_what_is_said_is_true_and_all_ends_well(seed: int) -> None:
    said = broken(draw(seed))

    assert not said, f"{said}; to repeat it in its shortest form: python -m tests.sim.verdicts.explore --seed {seed}"
