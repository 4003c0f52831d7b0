"""Small parts of a seat: its fellows, its permits, its own lag, its incarnation."""

from pathlib import Path

from nfvi_ha.core.fault import Confidence
from nfvi_ha.core.wire.votes import decode_seat_beat, decode_told
from nfvi_ha.reporting.clock import Clock
from nfvi_ha.sentinel.incarnation import next_incarnation
from nfvi_ha.sentinel.lag import LagWatch
from nfvi_ha.sentinel.permits import Permits
from nfvi_ha.sentinel.seats import START_SECONDS, Health, Seats, redundancy_fault
from nfvi_ha.sentinel.sources import Place, Sources

HEALTH = Health(governed=70_000, up=3, silent=0, ready=True, abstaining=False, mass=False)


class Fellows:
    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[int, bytes, Place]] = []
        self.sources = Sources(1, 77)
        self.sources.vote_keys = {0: b"v" * 32}
        self.seats = Seats(
            incarnation=5,
            sources=self.sources,
            places=lambda seat: {0: (f"192.0.2.{seat}", 7946), 1: (f"198.51.100.{seat}", 7946)},
            send=lambda *sent: self.sent.append(sent),
            clock=Clock(lambda: self.now),
        )


def test_a_beat_goes_to_both_others_on_all_networks_and_fits_its_fields() -> None:
    fellows = Fellows()
    fellows.seats.beat(HEALTH)
    fellows.seats.beat(HEALTH)
    assert [(network, place[0]) for network, _, place in fellows.sent[:4]] == [
        (0, "192.0.2.0"),
        (1, "198.51.100.0"),
        (0, "192.0.2.2"),
        (1, "198.51.100.2"),
    ]
    beats = [decode_seat_beat(data, b"v" * 32) for _, data, _ in fellows.sent]
    assert {beat.sequence for beat in beats} == {1, 2}
    assert (beats[0].governed, beats[0].nonce, beats[0].nonces) == (0xFFFF, 77, (0, 77, 0))


def test_deliveries_to_many_endpoints_are_told_in_several_frames() -> None:
    fellows = Fellows()
    endpoints = {f"endpoint-{number:03}-{'x' * 40}" for number in range(60)}
    fellows.seats.told("incident.0", endpoints)
    told = [decode_told(data, b"v" * 32) for _, data, _ in fellows.sent]
    assert {name for frame in told for name in frame.endpoints} == endpoints
    assert len({frame.sequence for frame in told}) > 1


def test_without_a_vote_key_nothing_is_said() -> None:
    fellows = Fellows()
    fellows.sources.vote_keys = {}
    fellows.seats.beat(HEALTH)
    assert fellows.sent == []


def test_a_seat_is_lost_after_a_second_and_one_that_never_came_only_after_its_time_to_start() -> None:
    fellows = Fellows()
    fellows.seats.heard(0, 1, fellows.now)
    assert fellows.seats.alive() == [0]
    fellows.now += 1.1
    assert fellows.seats.lost() == {0: True, 2: False}
    fellows.now += START_SECONDS
    assert fellows.seats.lost() == {0: True, 2: True}


def test_a_stall_of_our_own_loses_no_seat() -> None:
    fellows = Fellows()
    fellows.seats.heard(0, 1, fellows.now)
    fellows.now += 5.0
    fellows.seats.excuse(4.9)
    assert fellows.seats.lost()[0] is False


def test_a_seat_that_hears_nobody_doubts_itself() -> None:
    clock = Clock(lambda: 0.0)
    assert redundancy_fault(0, clock, alone=True).confidence is Confidence.LOW
    assert redundancy_fault(0, clock, alone=False).confidence is Confidence.HIGH


def test_a_permit_is_noted_before_it_is_given_and_none_is_given_to_the_dead() -> None:
    now, dead = 10.0, set[str]()
    permits = Permits(lambda: now, lambda node: node not in dead)
    assert permits.last("a", "boot").at == 10.0, "an earlier process may have permitted until our start"
    now = 20.0
    assert permits.ask("a", "boot")
    dead.add("a")
    now = 30.0
    assert not permits.ask("a", "boot")
    last = permits.last("a", "boot")
    assert (last.at, last.revoked) == (20.0, True)
    assert not permits.ask("b", ""), "who does not say his boot gets none"


def test_a_tick_that_comes_late_is_a_stall() -> None:
    stalls: list[tuple[float, float]] = []
    lag = LagWatch(0.02, lambda seconds, now: stalls.append((round(seconds, 3), now)))
    for now in (0.0, 0.02, 0.05, 1.05):
        lag.tick(now)
    assert stalls == [(0.98, 1.05)]
    assert round(lag.worst_seconds, 2) == 0.98
    lag.tick(3.0)
    lag.tick(4.5)
    assert len(stalls) == 3


def test_each_start_has_a_greater_incarnation_whatever_the_clock_does(tmp_path: Path) -> None:
    first = next_incarnation(tmp_path / "state", 1_000)
    assert next_incarnation(tmp_path / "state", 500) == first + 1
    (tmp_path / "state" / "incarnation").write_text("garbage")
    assert next_incarnation(tmp_path / "state", 700) == 700
