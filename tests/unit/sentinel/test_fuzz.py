"""The seeded fuzz as CI runs it (`make fuzz` runs 10 million), and proof that it would see what it looks for."""

from collections.abc import Callable
from typing import Any

import pytest

from nfvi_ha.core.wire.replay import Freshness, Window
from nfvi_ha.lab.bench import fuzz
from nfvi_ha.lab.bench.fuzz import FuzzOptions, run_fuzz
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.sentinel import beats
from nfvi_ha.sentinel.dispatch import Dispatch
from nfvi_ha.sentinel.drops import Drop
from nfvi_ha.sentinel.sources import Fellow

FEW = FuzzOptions(count=5000, seed=2)


def quiet(_: str) -> None:
    """Progress that nobody reads."""


@pytest.mark.timeout(600)
async def test_200000_datagrams_change_nothing_but_what_is_authentic_and_fresh() -> None:
    result = await run_fuzz(FuzzOptions(count=200_000, seed=1), quiet)
    assert result["through_the_receiver"] + result["decoded_with_a_true_tag"] >= 200_000
    assert sum(result["taken"].values()) + sum(result["dropped"].values()) == result["through_the_receiver"]
    seen = {Drop(reason) for reason in result["dropped"]}
    assert set(Drop) - seen == {Drop.DEFECT, Drop.NETWORK, Drop.OWN_SEAT}
    assert result["of_these_refused"] > 0


def _fresh(*_: Any, **__: Any) -> Freshness:
    return Freshness.FRESH


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _crash(*_: Any, **__: Any) -> None:
    raise KeyError("a defect")


@pytest.mark.parametrize(
    ("where", "name", "defect"),
    [
        (beats, "compare_digest", lambda *_: True),
        (Window, "judge", _fresh),
        (Fellow, "judge", _fresh),
        (Window, "advance", lambda *_: True),
        (Window, "advance", lambda *_: False),
        (Dispatch, "take", _nothing),
        (Dispatch, "_dispatch", _crash),
        (Dispatch, "_proven", lambda *_: True),
    ],
)
async def test_the_fuzz_sees_a_defect(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, defect: Callable[..., Any]
) -> None:
    monkeypatch.setattr(where, name, defect)
    with pytest.raises(LabFailed, match="after"):
        await run_fuzz(FEW, quiet)


async def test_the_fuzz_sees_a_decoder_that_raises_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.DECODERS, fuzz.FrameKind.VOTE, _crash)
    with pytest.raises(KeyError):
        await run_fuzz(FEW, quiet)


async def test_the_same_seed_makes_the_same_datagrams() -> None:
    one, other = await run_fuzz(FEW, quiet), await run_fuzz(FEW, quiet)
    assert {**one, "seconds": 0} == {**other, "seconds": 0}
