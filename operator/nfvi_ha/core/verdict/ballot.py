"""The other seats' latest votes on one hypervisor, and what they amount to."""

from dataclasses import dataclass
from enum import IntEnum

from nfvi_ha.core.verdict.inputs import Opinion, Reach, Vote
from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.verdict.seats import Seats


class Agreement(IntEnum):
    """How well silence is backed."""

    NOBODY = 0
    """By this seat only, which hears no hypervisor and no seat that agrees: it is cut off itself."""
    DOUBTED = 1
    """By one seat, or by seats of which too few hear any hypervisor at all."""
    QUORUM = 2
    """By two distinct seats that hear other hypervisors, or by every seat there is."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes of the *other* seats that count now."""

    silent: int = 0
    doubting: int = 0
    """Of the silent ones, those that hear no hypervisor at all."""
    vouched: bool = False
    """A silent one has heard it before (has history)."""
    denied: bool = False
    """Somebody hears it."""
    left: bool = False
    """Somebody was told GOODBYE."""

    def agreement(self, seats: int, *, doubting: bool) -> Agreement:
        """How well this seat's own finding of silence is backed.

        Args:
            seats: how many there are by design (3): two that are cut off together must not outvote a missing third.
            doubting: whether this seat hears no hypervisor at all.
        """
        silent, hearing = self.silent + 1, self.silent + 1 - self.doubting - doubting
        if silent >= 2 and (hearing >= 2 or silent >= seats):
            return Agreement.QUORUM
        return Agreement.NOBODY if silent == 1 and doubting else Agreement.DOUBTED


class Ballot:
    """One vote per seat: the latest."""

    __slots__ = ("_votes",)

    def __init__(self) -> None:
        self._votes: dict[int, tuple[Vote, float]] = {}

    def put(self, vote: Vote, now: float, policy: VerdictPolicy) -> bool:
        """Note it. Whether it says something that the seat did not say just before."""
        known = self._votes.get(vote.seat)
        if known is not None and known[0].incarnation == vote.incarnation and vote.sequence <= known[0].sequence:
            return False
        self._votes[vote.seat] = (vote, now)
        if known is None or now - known[1] > policy.quiet_vote_life_seconds:
            return True
        said = (vote.opinion, vote.by & Reach.LEFT, vote.dark, vote.incarnation)
        return said != (known[0].opinion, known[0].by & Reach.LEFT, known[0].dark, known[0].incarnation)

    def current(self, now: float, life_seconds: float, seats: Seats, policy: VerdictPolicy) -> list[Vote]:
        """Votes that are young enough, of seats that may vote, by seat."""
        return [
            vote
            for seat, (vote, at) in sorted(self._votes.items())
            if now - at <= life_seconds and seats.may_vote(seat, vote.incarnation, now, policy)
        ]

    @property
    def empty(self) -> bool:
        """Whether nobody ever voted on it."""
        return not self._votes


def tally(votes: list[Vote]) -> Tally:
    """Count them."""
    silent = [vote for vote in votes if vote.opinion is Opinion.SILENT]
    return Tally(
        silent=len(silent),
        doubting=sum(1 for vote in silent if vote.by & Reach.NOBODY),
        vouched=any(vote.boot_id for vote in silent),
        denied=any(vote.opinion is Opinion.REACHABLE for vote in votes),
        left=any(vote.by & Reach.LEFT for vote in votes),
    )
