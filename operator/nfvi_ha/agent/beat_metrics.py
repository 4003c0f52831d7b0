"""The beat process's last status as metrics, and the cost of both processes."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nfvi_ha.agent.beat.status import resident_bytes
from nfvi_ha.scheduling import Scheduling

HEARD_SECONDS: Final = 3.0
_PREFIX: Final = "nfvi_ha_agent"
Rows = list[tuple[tuple[str, ...], float]]
Status = Mapping[str, Any]


class BeatCollector(Collector):
    """Makes metrics of the last status; of the beat process there are none before the first."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at: float | None = None
        self.status: Status = {}

    def take(self, status: Status) -> None:
        """The beat process said this."""
        self.status = status
        self._at = self._monotonic()

    @property
    def heard(self) -> bool:
        """Whether it said anything of late."""
        return self._at is not None and self._monotonic() - self._at < HEARD_SECONDS

    def describe(self) -> Iterator[Metric]:
        """All families."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """All families, with the samples there are."""
        for name, text, labels, rows in _GAUGES:
            gauge = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
            for values, number in rows(self.status):
                gauge.add_metric(values, number)
            yield gauge
        for name, text, labels, rows in _COUNTERS:
            counter = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=labels)
            for values, number in rows(self.status):
                counter.add_metric(values, number)
            yield counter


def _one(key: str) -> Callable[[Status], Rows]:
    return lambda status: [((), float(status[key]))] if key in status else []


def _each(key: str) -> Callable[[Status], Rows]:
    return lambda status: [((name,), float(number)) for name, number in status.get(key, {}).items()]


def _scheduling(status: Status) -> Rows:
    granted = status.get("scheduling")
    return [((each.value,), float(each == granted)) for each in Scheduling] if granted else []


def _ages(key: str) -> Callable[[Status], Rows]:
    def rows(status: Status) -> Rows:
        ages = ((seat, facts[key]) for seat, facts in status.get("seats", {}).items())
        return [((seat,), float(age)) for seat, age in ages if age is not None]

    return rows


def _send_errors(status: Status) -> Rows:
    return [
        ((network, error), float(number))
        for network, errors in status.get("sendErrors", {}).items()
        for error, number in errors.items()
    ]


def _both(key: str, own: Callable[[], float]) -> Callable[[Status], Rows]:
    def rows(status: Status) -> Rows:
        beat: Rows = [(("beat",), float(status[key]))] if key in status else []
        return [(("probes",), own()), *beat]

    return rows


def _own_cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


_Family = tuple[str, str, list[str], Callable[[Status], Rows]]
_GAUGES: Final[tuple[_Family, ...]] = (
    ("beat_scheduling", "1 for the scheduling that was granted to the beat process.", ["scheduling"], _scheduling),
    ("beat_memory_locked", "1 if the beat process's memory is locked.", [], _one("locked")),
    ("beat_lag_seconds", "Largest lag of the beat loop in the last second.", [], _one("lag")),
    ("beat_lag_max_seconds", "Largest lag of the beat loop since its start.", [], _one("lagMax")),
    ("beat_flags", "Flags of the last beat, as a number.", [], _one("flags")),
    ("answer_age_seconds", "Since a seat's last answer.", ["seat"], _ages("answerAge")),
    ("permit_age_seconds", "Since the beat that a seat's last permit answers.", ["seat"], _ages("permitAge")),
    ("key_id", "Id of the key that beats are sent with.", [], _one("key")),
    ("resident_bytes", "Resident memory.", ["process"], _both("rss", resident_bytes)),
)
_COUNTERS: Final[tuple[_Family, ...]] = (
    ("cpu_seconds", "CPU time, with that of finished children.", ["process"], _both("cpu", _own_cpu)),
    ("made", "Datagrams made, by kind; each goes to every seat of a network.", ["kind"], _each("made")),
    ("sent", "Datagrams sent.", ["network"], _each("sent")),
    ("send_errors", "Datagrams that the kernel refused, by errno.", ["network", "error"], _send_errors),
    ("received", "Datagrams taken, by kind.", ["kind"], _each("taken")),
    ("dropped", "Datagrams dropped, by reason.", ["reason"], _each("dropped")),
    ("beat_errors", "Other troubles of the beat process.", ["error"], _each("errors")),
    ("peer_probes", "Requests of sentinels to try another node.", ["result"], _each("probing")),
    ("probes_starts", "Starts of the probes process.", [], _one("probesStarts")),
)
