"""Wall-clock stamps: RFC 3339 in UTC with milliseconds in the API, an aware datetime in code."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError


def format_stamp(value: datetime) -> str:
    """Write an aware datetime as "2026-01-02T03:04:05.678Z"."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _before(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError("stamp", 'must be an RFC 3339 time with its zone, like "2026-01-02T03:04:05Z"')
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("stamp", "must be a time between the years 1 and 9999 in UTC") from None


Stamp = Annotated[
    datetime,
    BeforeValidator(_before),
    PlainSerializer(format_stamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
