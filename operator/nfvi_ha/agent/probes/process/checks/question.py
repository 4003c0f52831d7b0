"""What a question is, and how it fails."""

from collections.abc import Awaitable, Callable
from typing import Final

Question = Callable[[int], Awaitable[None]]
"""Asks the process of that pid; returns when it answered. Cancelled when its time is over."""

NO_ANSWER: Final = "NoAnswer"
REFUSED: Final = "Refused"
BROKEN: Final = "Broken"
FAILED: Final = "CommandFailed"
UNSUPPORTED: Final = "Unsupported"


class Unanswered(Exception):  # noqa: N818 - what it is
    """There was no answer. ``reason`` is a metric label."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
