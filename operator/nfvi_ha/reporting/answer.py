"""What one attempt came to, and what that means for the notification and for the endpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from nfvi_ha.reporting import outcome

_RETRIED_4XX: Final = frozenset({408, 425, 429})
_TOO_MANY_REQUESTS: Final = 429


class Verdict(StrEnum):
    """What follows for the notification."""

    DELIVERED = "Delivered"
    RETRY = "Retry"
    PARK = "Park"
    EXPIRE = "Expire"


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one attempt."""

    verdict: Verdict
    reason: str
    """A constant of ``outcome``, or "HTTP" and the status."""
    status: int | None = None
    retry_after_seconds: float | None = None

    @property
    def alive(self) -> bool | None:
        """Whether the endpoint works: False counts towards "unreachable"; None says nothing about it."""
        if self.verdict is Verdict.EXPIRE:
            return None
        return self.verdict is not Verdict.RETRY or self.status in _RETRIED_4XX

    @property
    def result(self) -> str:
        """The metric label: "2xx".."5xx", or the reason if there was no answer."""
        return self.reason if self.status is None else f"{self.status // 100}xx"


def expired(last: Answer | None) -> Answer:
    """Time is up; ``last`` is what the last attempt came to, if there was one."""
    return Answer(Verdict.EXPIRE, outcome.DEADLINE_PASSED, last.status if last else None)


def failed(reason: str) -> Answer:
    """No HTTP answer: to be tried again."""
    return Answer(Verdict.RETRY, reason)


def answered(status: int, headers: Mapping[str, str], *, wall_now: float) -> Answer:
    """Judge an HTTP answer: 2xx delivered; 408, 425, 429 and 5xx again; anything else parked (it would not get better).

    Args:
        status: The final one; redirects are not followed, so 3xx is an answer like any other.
        headers: ``Retry-After`` is honoured, in seconds or as an HTTP date.
        wall_now: Seconds since 1970, to turn a date into a delay.
    """
    reason = f"HTTP{status}"
    if 200 <= status < 300:
        return Answer(Verdict.DELIVERED, outcome.DELIVERED, status)
    if status in _RETRIED_4XX or status >= 500:
        return Answer(Verdict.RETRY, reason, status, _retry_after(headers.get("Retry-After"), wall_now))
    if 300 <= status < 400:
        reason = outcome.REDIRECT_NOT_FOLLOWED
    return Answer(Verdict.PARK, reason, status)


def _retry_after(value: str | None, wall_now: float) -> float | None:
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    # "-0000" gives a naive date; HTTP dates are always GMT.
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - wall_now)
