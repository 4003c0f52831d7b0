"""Which replicas of the operator are missing (H1)."""

from collections.abc import Collection, Mapping
from typing import Final

SILENT_SECONDS: Final = 10.0
"""A replica renews its member Lease every 2 s; the operator itself counts it out after so long."""


def lost_replicas(
    renewed_at: Mapping[str, float], known_lost: Collection[str], expected: int, now: float
) -> dict[str, bool]:
    """Whether each replica is lost.

    A replica that leaves in order deletes its Lease and is not lost. One whose Lease stands still is, until it comes
    back or as many as expected live without it: a new Pod has a new identity, and the old one never returns.

    Args:
        renewed_at: when each member's Lease was last seen to change (monotonic seconds).
        known_lost: identities that are reported as lost; they may have no Lease any more.
        expected: how many replicas there should be; 0 if nobody knows, then only their return ends it.
        now: monotonic seconds.
    """
    live = {identity for identity, at in renewed_at.items() if now - at <= SILENT_SECONDS}
    enough = 0 < expected <= len(live)
    verdicts = dict.fromkeys(live, False)
    for identity in (renewed_at.keys() | set(known_lost)) - live:
        verdicts[identity] = not enough
    return verdicts
