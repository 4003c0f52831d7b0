"""The receiver's bench: beats as agents send them, events that do not disturb each other, a verdict that can fail."""

from dataclasses import replace
from typing import Any

import pytest

from nfvi_ha.core.wire.beat import decode_beat
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.lab.bench.beats import CALM_AFTER, CALM_BEFORE, SETTLE_SECONDS, BeatsOptions, passed, silences, stops_at
from nfvi_ha.lab.bench.drum import Drum
from nfvi_ha.lab.bench.throughput import CLUSTER, template, throughput

MASTER = bytes(range(32))
GOOD: dict[str, Any] = {
    "silent_hosts": 2,
    "suspected_of_the_silent": 2,
    "failed_of_the_silent": 2,
    "false_suspected": 0,
    "false_failed": 0,
    "other_alarms": [],
}


def test_a_drummed_beat_is_a_beat() -> None:
    value = replace(template("worker-1", 1, (1, 2, 3)), faults=b"packed")
    drummed = Drum(value, MASTER, 7, CLUSTER).beat(42, lag_ms=5)
    assert decode_beat(drummed, node_key(MASTER, "worker-1", 7), CLUSTER) == replace(value, sequence=42, lag_ms=5)


@pytest.mark.parametrize("stops", [0, 3])
def test_hosts_fall_silent_where_no_stop_disturbs_the_measurement(stops: int) -> None:
    options = BeatsOptions(nodes=200, silent=100, stops=stops)
    found = silences(options)
    assert len(found) == 100
    for moment in found.values():
        assert SETTLE_SECONDS <= moment < options.seconds - 2
        assert all(not -CALM_BEFORE < moment - stop < CALM_AFTER for stop in stops_at(options))
    assert silences(options) == found
    assert silences(replace(options, seed=2)) != found


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"false_suspected": 1}, False),
        ({"false_failed": 1}, False),
        ({"failed_of_the_silent": 1}, False),
        ({"suspected_of_the_silent": 1}, False),
        ({"other_alarms": ["hypervisor.unreachable worker-1"]}, False),
    ],
)
def test_the_bench_fails_on_a_false_alarm_and_on_a_missed_host(change: dict[str, Any], good: bool) -> None:
    assert passed(GOOD | change) is good


def test_rates_are_measured() -> None:
    assert all(rate > 0 for rate in throughput(2, 1).values())
