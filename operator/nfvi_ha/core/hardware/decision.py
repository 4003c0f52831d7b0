"""What is to be said of hardware."""

from dataclasses import dataclass
from enum import StrEnum

from nfvi_ha.core.hardware.rule import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies to a part."""

    rule: Rule
    component: str
    detail: str
    """For people; at most 120 bytes."""


class Verb(StrEnum):
    """What becomes of a finding."""

    PUT = "put"
    """It is there from now on."""
    CLEAR = "clear"
    """It is over."""
    EVENT = "event"
    """It happened, and has no end."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing to say."""

    verb: Verb
    finding: Finding
