"""GOODBYE: an absence that was announced. Bounded by policy, never evidence (DESIGN section 3)."""

from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.verdict.policy import VerdictPolicy

REASON_UPGRADE: Final = "upgrade"
REASON_REBOOT: Final = "reboot"
REASON_STOP: Final = "stop"


@dataclass(frozen=True, slots=True)
class Goodbye:
    """An accepted GOODBYE."""

    reason: str
    incarnation: int
    """The agent that said it: more beats of its own do not end the absence."""
    said_at: float
    until: float

    @property
    def expects_answers(self) -> bool:
        """Only the agent stops, so the host's kernel and services go on answering probes."""
        return self.reason != REASON_REBOOT


def accept(
    reason: str, seconds: float, incarnation: int, known: Goodbye | None, now: float, policy: VerdictPolicy
) -> Goodbye:
    """The GOODBYE that holds from now on.

    It is repeated in each beat period until two seats took it, which prolongs nothing. Another reason (a node that
    shuts down stops its agent first, then reboots) counts from the first one, too.
    """
    if known is not None and known.reason == reason and known.incarnation == incarnation:
        return known
    said_at = known.said_at if known is not None and known.incarnation == incarnation else now
    longest = policy.goodbye_reboot_seconds if reason == REASON_REBOOT else policy.goodbye_upgrade_seconds
    return Goodbye(reason, incarnation, said_at, said_at + min(max(seconds, 0.0), longest))
