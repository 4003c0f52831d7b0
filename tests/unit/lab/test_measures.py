"""Timings, quantities and percentiles: the figures that the lab works and reports with."""

from dataclasses import fields
from random import Random

import pytest

from nfvi_ha.lab.bench.percentiles import percentile, summary
from nfvi_ha.lab.quantity import milli_cores, parse_quantity, whole
from nfvi_ha.lab.timings import DEFAULT_TIMINGS, STANDS_FOR, LabTimings, draw


def test_every_timing_says_what_it_stands_for() -> None:
    assert {item.name for item in fields(LabTimings)} == set(STANDS_FOR)
    assert len(DEFAULT_TIMINGS.described()) == len(STANDS_FOR)


def test_defaults_are_the_measured_delays() -> None:
    assert DEFAULT_TIMINGS.stopped_event_seconds == (0.210, 0.260)
    assert DEFAULT_TIMINGS.container_status_seconds == (1.0, 2.0)
    assert DEFAULT_TIMINGS.launcher_watchdog_seconds == (33.0, 44.0)


def test_scaling_leaves_the_lease_duration_that_the_api_needs_whole() -> None:
    fast = DEFAULT_TIMINGS.scaled(0.1)
    assert fast.launcher_watchdog_seconds == pytest.approx((3.3, 4.4))
    assert fast.lease_renew_seconds == pytest.approx(1.0)
    assert fast.lease_duration_seconds == 40
    with pytest.raises(ValueError, match="positive"):
        DEFAULT_TIMINGS.scaled(0)


def test_timings_survive_json() -> None:
    assert LabTimings.from_json(DEFAULT_TIMINGS.to_json()) == DEFAULT_TIMINGS
    with pytest.raises(TypeError):
        LabTimings.from_json({"no_such_seconds": 1.0})


def test_a_delay_is_drawn_from_its_span() -> None:
    random = Random(1)
    drawn = [draw((0.2, 0.3), random) for _ in range(100)]
    assert min(drawn) >= 0.2
    assert max(drawn) <= 0.3
    assert len(set(drawn)) > 50


@pytest.mark.parametrize(
    ("text", "value"), [("500m", "0.5"), ("2", "2"), ("1.5Gi", str(int(1.5 * 2**30))), ("3k", "3000"), (64, "64")]
)
def test_quantities(text: str | int, value: str) -> None:
    assert str(parse_quantity(text).normalize()) == str(parse_quantity(value).normalize())


def test_quantities_are_rounded_up() -> None:
    assert milli_cores("0.0005") == 1
    assert whole("1500m") == 2


@pytest.mark.parametrize("text", ["", "a", "1 Gi", "-1", "1GiB"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(text)


def test_percentiles_are_measured_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([3.0, 1.0], 0.5) == 1.0
    assert percentile([7.0], 0.01) == 7.0
    with pytest.raises(ValueError, match="0 values"):
        percentile([], 0.5)


def test_p99_is_null_below_a_hundred_runs() -> None:
    assert summary([1.0] * 99)["p99"] is None
    assert summary([1.0] * 100)["p99"] == 1.0


def test_runs_without_a_value_do_not_count() -> None:
    assert summary([None, 5.0, None]) == {"p50": 5.0, "p95": 5.0, "p99": None, "max": 5.0}
    assert summary([None]) == {"p50": None, "p95": None, "p99": None, "max": None}
