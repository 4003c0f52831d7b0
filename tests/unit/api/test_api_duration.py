"""Durations are read and written as Go does, and never surprise."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from nfvi_ha.api.duration import LONGEST, MAX_LENGTH, PATTERN, Duration, format_duration, parse_duration

TEXTS = [
    ("0s", timedelta(0)),
    ("500ms", timedelta(milliseconds=500)),
    ("90s", timedelta(seconds=90)),
    ("1m30s", timedelta(seconds=90)),
    ("1.5h", timedelta(minutes=90)),
    ("24h", timedelta(hours=24)),
    ("8784h", timedelta(days=366)),
]


@pytest.mark.parametrize(("text", "value"), TEXTS)
def test_duration_is_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "5 s", "-5s", "+5s", "5d", "5s ", "5s\n", "1e3s", ".5s", "٣s", "8785h", "9" * 31 + "h", "1s" * 17],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than 366 days"):
        parse_duration(text)


@pytest.mark.parametrize("value", [5, 5.0, None, True, ["5s"], {}])
def test_only_strings_are_durations_in_json(value: object) -> None:
    with pytest.raises(ValidationError, match="must be a string"):
        TypeAdapter(Duration).validate_python(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=1), "24h"),
        (timedelta(seconds=0.25), "250ms"),
    ],
)
def test_duration_is_written_short(value: timedelta, text: str) -> None:
    assert format_duration(value) == text


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_written_duration_is_read_back(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)

    text = format_duration(value)

    assert parse_duration(text) == value
    assert re.fullmatch(PATTERN, text)
    assert len(text) <= MAX_LENGTH
