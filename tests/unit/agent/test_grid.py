from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.agent.beat.grid import Grid, LagWatch, Turn


def test_nothing_is_due_before_its_time() -> None:
    assert Grid(0.1, start=10.0).take(9.999) is None


def test_late_turn_moves_no_later_one() -> None:
    grid = Grid(0.1, start=10.0)
    turn = grid.take(10.03)
    assert turn is not None
    assert (round(turn.lag_seconds, 6), turn.skipped) == (0.03, 0)
    assert round(grid.next_at, 6) == 10.1


def test_periods_that_are_over_are_skipped_whole() -> None:
    grid = Grid(0.1, start=10.0)
    turn = grid.take(11.05)
    assert turn is not None
    assert turn.skipped == 10
    assert round(grid.next_at, 6) == 11.1
    assert grid.take(11.05) is None


@given(st.lists(st.floats(0, 5), max_size=50))
def test_turns_stay_on_the_grid_whatever_the_delays(delays: list[float]) -> None:
    grid, now, turns = Grid(0.1, start=0.0), 0.0, 0
    for delay in delays:
        now += delay
        turn: Turn | None = grid.take(now)
        turns += turn is not None and 1 + turn.skipped
        assert abs(grid.next_at / 0.1 - turns) < 1e-6
        assert now < grid.next_at


def test_lag_is_remembered_for_a_second() -> None:
    lags = LagWatch()
    lags.note(0.25, now=10.0)
    lags.note(0.0, now=10.9)
    assert lags.slow
    assert lags.seconds == 0.25
    lags.note(0.0, now=11.1)
    assert not lags.slow
    assert lags.largest_ever == 0.25


def test_a_tenth_of_a_second_is_no_lag_yet() -> None:
    lags = LagWatch()
    lags.note(0.1, now=10.0)
    assert not lags.slow
