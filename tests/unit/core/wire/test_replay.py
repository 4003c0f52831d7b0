"""The window: what was recorded is worthless, what is old is stale, and nobody can shut the true sender out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.wire.replay import Freshness, Window

OLD, NEW = b"old-boot", b"new-boot"


def window() -> Window:
    made = Window()
    assert made.judge(NEW, 100, 0, 10, proven=True) is Freshness.FRESH
    return made


@pytest.mark.parametrize(
    ("boot", "incarnation", "stream", "sequence", "expected"),
    [
        (NEW, 100, 0, 11, Freshness.FRESH),
        (NEW, 100, 0, 10, Freshness.REPLAYED),
        (NEW, 100, 0, 9, Freshness.REPLAYED),
        (NEW, 100, 1, 10, Freshness.FRESH),
        (NEW, 99, 0, 1000, Freshness.STALE),
        (OLD, 99, 0, 1000, Freshness.STALE),
        (OLD, 100, 0, 1000, Freshness.STALE),
        (NEW, 101, 0, 0, Freshness.FRESH),
        (OLD, 101, 0, 0, Freshness.FRESH),
    ],
)
def test_only_what_is_newer_is_fresh(
    boot: bytes, incarnation: int, stream: int, sequence: int, expected: Freshness
) -> None:
    assert window().judge(boot, incarnation, stream, sequence, proven=True) is expected


def test_a_frame_without_our_nonce_moves_nothing() -> None:
    """Else a record from before our start, with a high incarnation, could shut the true sender out."""
    made = Window()
    assert made.judge(OLD, 10**18, 0, 10**9, proven=False) is Freshness.UNPROVEN
    assert made.judge(NEW, 5, 0, 0, proven=True) is Freshness.FRESH


def test_a_new_incarnation_starts_all_streams_anew() -> None:
    made = window()
    made.judge(NEW, 100, 1, 50, proven=True)
    assert made.judge(NEW, 101, 0, 0, proven=True) is Freshness.FRESH
    assert made.judge(NEW, 101, 1, 0, proven=True) is Freshness.FRESH
    assert made.newest == 0


def test_a_refused_frame_does_not_forget_the_last_one() -> None:
    made = window()
    made.judge(OLD, 99, 0, 10**6, proven=True)
    made.judge(NEW, 100, 0, 3, proven=True)
    assert (made.boot, made.incarnation, made.last, made.newest) == (NEW, 100, {0: 10}, 10)


def test_a_stream_that_repeats_takes_its_last_sequence_again_but_no_older_one() -> None:
    made = window()
    assert made.judge(NEW, 100, 0, 10, proven=True, repeats=True) is Freshness.FRESH
    assert made.judge(NEW, 100, 0, 9, proven=True, repeats=True) is Freshness.REPLAYED


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 9)), max_size=40))
def test_no_frame_is_ever_fresh_twice(frames: list[tuple[int, int, int]]) -> None:
    made, fresh = Window(), []
    for incarnation, stream, sequence in frames:
        if made.judge(NEW, incarnation, stream, sequence, proven=True) is Freshness.FRESH:
            fresh.append((incarnation, stream, sequence))
    assert len(fresh) == len(set(fresh))
