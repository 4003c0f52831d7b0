"""Percentiles of measured runs, by nearest rank: each figure is one that was really measured."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

ENOUGH_FOR_P99: Final = 100
"""With fewer runs the 99th percentile would only be the maximum under another name, so it is null."""

Summary = dict[str, float | None]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0..1] of the values do not exceed.

    Raises:
        ValueError: there are no values, or the share is out of range.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"percentile {share} of {len(values)} values")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def summary(values: Iterable[float | None]) -> Summary:
    """p50, p95, p99 and max of the values that are there; all null when none is."""
    present = [value for value in values if value is not None]
    if not present:
        return {"p50": None, "p95": None, "p99": None, "max": None}
    return {
        "p50": percentile(present, 0.50),
        "p95": percentile(present, 0.95),
        "p99": percentile(present, 0.99) if len(present) >= ENOUGH_FOR_P99 else None,
        "max": max(present),
    }
