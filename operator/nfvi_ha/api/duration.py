"""Durations as Go and Kubernetes write them ("1m30s", "500ms"): a string in the CRD, a timedelta in code."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
MAX_LENGTH: Final = 32
LONGEST: Final = timedelta(days=366)
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_WHOLE: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}


def parse_duration(text: str) -> timedelta:
    """Read "90s", "1m30s", "1.5h" or "500ms".

    Raises:
        ValueError: the text is not of that form, or means more than 366 days.
    """
    if len(text) > MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError('not a duration; write it like "500ms", "30s", "1m30s" or "24h"')
    try:
        total = sum((float(number) * _UNITS[unit] for number, unit in _PART.findall(text)), timedelta())
    except OverflowError:
        total = timedelta.max
    if total > LONGEST:
        raise ValueError("longer than 366 days; use a shorter duration")
    return total


def format_duration(value: timedelta) -> str:
    """Write a timedelta as the shortest Go-style text, rounded to the millisecond: 90 s is "1m30s", 0 is "0s"."""
    milliseconds = round(value / timedelta(milliseconds=1))
    text = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _before(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("duration", 'must be a string like "30s" or "1m30s"')
    try:
        return parse_duration(value)
    except ValueError as error:
        raise PydanticCustomError("duration", "{problem}", {"problem": str(error)}) from None


def between(low: timedelta, high: timedelta) -> AfterValidator:
    """Bounds, both allowed, for an annotated duration. The CRD cannot say them; the model refuses what is outside."""

    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            text = f"must be from {format_duration(low)} to {format_duration(high)}"
            raise PydanticCustomError("duration", "{problem}", {"problem": text})
        return value

    return AfterValidator(check)


Duration = Annotated[
    timedelta,
    BeforeValidator(_before),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": MAX_LENGTH}),
]
