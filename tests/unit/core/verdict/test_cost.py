"""The hot path stays cheap. Bounds are generous: they catch another order of magnitude, not a slow machine."""

import time

from nfvi_ha.core.verdict.inputs import NodeFacts
from nfvi_ha.core.verdict.outputs import NOTHING
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.verdicts import Verdicts

HOSTS = 1000


def _verdicts() -> tuple[Verdicts, list[str]]:
    names = [f"node-{number:04}" for number in range(HOSTS)]
    verdicts = Verdicts(0, VerdictPolicy())
    verdicts.set_roster({name: NodeFacts(networks=("mgmt", "storage")) for name in names}, 0.0)
    for name in names:
        verdicts.heard(name, 0, "boot", 1, True, False, 0, 0.0)
    return verdicts, names


def test_a_beat_that_says_nothing_new_gives_back_the_same_empty_answer() -> None:
    verdicts, names = _verdicts()

    assert all(verdicts.heard(name, 0, "boot", 1, True, False, 0, 0.1) is NOTHING for name in names)


def test_a_thousand_beats_and_a_tick_take_milliseconds() -> None:
    verdicts, names = _verdicts()

    began = time.perf_counter()
    for name in names:
        verdicts.heard(name, 0, "boot", 1, True, False, 0, 0.1)
    heard = time.perf_counter() - began
    began = time.perf_counter()
    verdicts.tick(0.12)
    ticked = time.perf_counter() - began

    assert heard < 0.05
    assert ticked < 0.05
