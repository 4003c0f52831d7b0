"""Which of several policies holds on a node: the highest priority, of equals the oldest (DESIGN section 5)."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Claim(Protocol):
    """A policy, as far as the choice is concerned."""

    @property
    def name(self) -> str:
        """Its name, which no two share."""
        ...

    @property
    def priority(self) -> int:
        """The higher one wins."""
        ...

    @property
    def created_at(self) -> datetime | None:
        """When it was made, UTC; None for one that is not in the API."""
        ...

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether it is meant for a node with these labels."""
        ...


ClaimT = TypeVar("ClaimT", bound=Claim)


def in_order(policies: Iterable[ClaimT]) -> list[ClaimT]:
    """The one that wins first. The name decides between two of one second, so that everybody decides alike."""
    return sorted(policies, key=lambda policy: (-policy.priority, policy.created_at or _NEVER, policy.name))


def policy_of(labels: Mapping[str, str], policies: Iterable[ClaimT]) -> ClaimT | None:
    """The policy that holds on a node with these labels; None: no policy is meant for it."""
    return next((policy for policy in in_order(policies) if policy.selects(labels)), None)


def overlapped(nodes: Iterable[Mapping[str, str]], policies: Iterable[ClaimT]) -> dict[str, str]:
    """Policies that lose a node to another: name -> the name of one that takes it. ``nodes`` are their labels."""
    ordered = in_order(policies)
    losers: dict[str, str] = {}
    for labels in nodes:
        claims = [policy for policy in ordered if policy.selects(labels)]
        for loser in claims[1:]:
            losers.setdefault(loser.name, claims[0].name)
    return losers
