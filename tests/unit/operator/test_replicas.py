"""Who of the operator's replicas is missing, and who only could not be seen."""

import math

import pytest

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.incident_book import IncidentBook
from nfvi_ha.operator.replicas import Replicas
from nfvi_ha.reporting.clock import Clock

from .conftest import Time
from .test_vm_watch import Told


class Members:
    def __init__(self, time: Time) -> None:
        self._time = time
        self._renewed: dict[str, float] = {}
        self.looked_at = -math.inf

    def renewals(self) -> dict[str, float]:
        return self._renewed

    def renew(self, *identities: str) -> None:
        """These renew, and everybody looks."""
        for identity in identities:
            self._renewed[identity] = self._time()
        self.looked_at = self._time()

    def leave(self, identity: str) -> None:
        del self._renewed[identity]


class Group:
    """Replica a among others, looking once a second."""

    def __init__(self, clock: Clock, time: Time, *, expected: int = 2, leads: bool = True) -> None:
        self.time, self.book = time, IncidentBook()
        self.told = Told(self.book)
        self.members = Members(time)
        self.replicas = Replicas(
            self.members,
            expected=expected,
            book=self.book,
            reporter=self.told,  # type: ignore[arg-type]
            leading=lambda: leads,
            ready=lambda: True,
            clock=clock,
        )

    def spend(self, seconds: int, *identities: str) -> None:
        for _ in range(seconds):
            self.time.forward(1.0)
            self.members.renew(*identities)
            self.replicas.look()

    def lost(self) -> list[str]:
        assert all(fault.kind is FaultKind.REDUNDANCY_LOST for fault in self.told.raised)
        return [fault.resource.name for fault in self.told.raised]


@pytest.mark.parametrize("leads", [True, False])
def test_a_replica_that_stops_renewing_is_told_once_by_every_other(clock: Clock, time: Time, leads: bool) -> None:
    group = Group(clock, time, leads=leads)
    group.spend(20, "a", "b")
    assert group.lost() == []
    group.spend(30, "a")
    assert group.lost() == ["b"]
    assert "1 of 2 live" in group.told.raised[0].message


def test_its_return_ends_it_and_the_next_loss_is_another_one(clock: Clock, time: Time) -> None:
    group = Group(clock, time)
    group.spend(15, "a", "b")
    group.spend(15, "a")
    group.spend(2, "a", "b")
    assert len(group.told.cleared) == 1
    group.spend(15, "a")
    assert group.lost() == ["b", "b"]
    assert len(list(group.book)) == 2


def test_another_pod_in_its_place_ends_it_too(clock: Clock, time: Time) -> None:
    group = Group(clock, time)
    group.spend(15, "a", "b")
    group.spend(15, "a")
    group.spend(2, "a", "c")
    assert len(group.told.cleared) == 1
    assert group.lost() == ["b"]


def test_one_that_leaves_in_order_is_not_lost(clock: Clock, time: Time) -> None:
    group = Group(clock, time)
    group.spend(15, "a", "b")
    group.members.leave("b")
    group.spend(30, "a")
    assert group.lost() == []


def test_while_the_api_server_is_away_and_right_after_nobody_is_lost(clock: Clock, time: Time) -> None:
    group = Group(clock, time)
    group.spend(15, "a", "b")
    time.forward(120.0)
    group.replicas.look()
    group.spend(1, "a")  # b is a little later than we are
    group.spend(5, "a", "b")
    assert group.lost() == []
    group.spend(15, "a")
    assert group.lost() == ["b"]


def test_only_the_leader_clears(clock: Clock, time: Time) -> None:
    group = Group(clock, time, leads=False)
    group.spend(15, "a", "b")
    group.spend(15, "a")
    group.spend(5, "a", "b")
    assert group.told.cleared == []
