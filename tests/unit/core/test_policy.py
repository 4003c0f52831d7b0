"""Which policy holds where."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nfvi_ha.core.policy import in_order, overlapped, policy_of


@dataclass(frozen=True)
class Policy:
    name: str
    priority: int = 0
    created_at: datetime | None = None
    zone: str = ""

    def selects(self, labels: Mapping[str, str]) -> bool:
        return self.zone in ("", labels.get("zone"))


def at(second: int) -> datetime:
    return datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)


def test_the_highest_priority_wins_whatever_the_age() -> None:
    old, high = Policy("old", 0, at(1)), Policy("high", 5, at(9))
    assert policy_of({}, [old, high]) is high


def test_of_equals_the_oldest_wins_and_of_twins_the_name_decides() -> None:
    assert policy_of({}, [Policy("b", 1, at(2)), Policy("a", 1, at(3))]).name == "b"  # type: ignore[union-attr]
    assert policy_of({}, [Policy("b", 1, at(2)), Policy("a", 1, at(2))]).name == "a"  # type: ignore[union-attr]


def test_one_that_is_not_meant_for_a_node_does_not_hold_there() -> None:
    policies = [Policy("rack-1", 5, at(1), zone="rack-1"), Policy("all", 0, at(2))]
    assert policy_of({"zone": "rack-2"}, policies).name == "all"  # type: ignore[union-attr]
    assert policy_of({"zone": "rack-2"}, policies[:1]) is None


def test_those_that_lose_a_node_are_named_with_the_winner() -> None:
    policies = [
        Policy("rack-1", 5, at(1), zone="rack-1"),
        Policy("all", 0, at(2)),
        Policy("rack-9", 9, at(3), "rack-9"),
    ]
    nodes = [{"zone": "rack-1"}, {"zone": "rack-2"}]
    assert overlapped(nodes, policies) == {"all": "rack-1"}
    assert overlapped([], policies) == {}


policies = st.lists(
    st.builds(
        Policy,
        st.sampled_from("abcdef"),
        st.integers(0, 2),
        st.sampled_from([None, at(1), at(2)]),
        st.sampled_from(["", "rack-1"]),
    ),
    unique_by=lambda policy: policy.name,
)


@given(policies, st.randoms())
def test_everybody_chooses_alike_in_whatever_order_they_came(some: list[Policy], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(shuffled) == in_order(some)
    assert policy_of({"zone": "rack-2"}, shuffled) == policy_of({"zone": "rack-2"}, some)
