"""Counters that only grow, until somebody resets them."""

from typing import Final

_TOP: Final = 1 << 32
_NEAR: Final = 1 << 24


def increase(before: int, value: int) -> int:
    """How many errors there were between two readings.

    A value that is lower was reset (a driver was loaded anew, ``reset_counters`` was written, a device was plugged in
    again): all that it counts is new. Near the end of 32 bits it wrapped.
    """
    if value >= before:
        return value - before
    if before >= _TOP - _NEAR and before < _TOP and value < _NEAR:
        return value + _TOP - before
    return value
