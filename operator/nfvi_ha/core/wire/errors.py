"""What can be wrong with a datagram, or with what shall become one."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a datagram was refused. The value is also a metric label."""

    TOO_SHORT = "TooShort"
    TOO_LONG = "TooLong"
    MAGIC = "Magic"
    VERSION = "Version"
    KIND = "Kind"
    """A kind that does not exist, or that the receiving side does not take."""
    CLUSTER = "Cluster"
    UNKNOWN_KEY = "UnknownKey"
    TAG = "Tag"
    BODY = "Body"
    """Authentic, but its inside is malformed: its sender has a defect."""


class BadFrame(ValueError):  # noqa: N818 - a state, as its reasons are
    """A datagram was refused."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


class OutOfRange(ValueError):  # noqa: N818 - a state, as its reasons are
    """A value does not fit its field; the message names the field. The caller has a defect."""
