"""Which replicas of the operator count as lost."""

from nfvi_ha.core.redundancy import lost_replicas


def test_a_replica_whose_lease_stands_still_is_lost() -> None:
    assert lost_replicas({"a": 100.0, "b": 89.0}, (), 2, 100.0) == {"a": False, "b": True}


def test_a_replica_that_left_in_order_is_not_lost() -> None:
    assert lost_replicas({"a": 100.0}, (), 2, 100.0) == {"a": False}


def test_a_lost_replica_without_a_lease_stays_lost_until_another_takes_its_place() -> None:
    assert lost_replicas({"a": 100.0}, {"b"}, 2, 100.0) == {"a": False, "b": True}
    assert lost_replicas({"a": 100.0, "c": 100.0}, {"b"}, 2, 100.0) == {"a": False, "c": False, "b": False}


def test_a_lost_replica_that_returns_is_not_lost() -> None:
    assert lost_replicas({"a": 100.0, "b": 99.0}, {"b"}, 3, 100.0) == {"a": False, "b": False}


def test_where_nobody_knows_how_many_there_should_be_only_its_return_ends_it() -> None:
    assert lost_replicas({"a": 100.0, "c": 100.0}, {"b"}, 0, 100.0)["b"] is True


def test_all_lost_at_once_are_all_told() -> None:
    assert lost_replicas({"a": 1.0, "b": 2.0}, (), 2, 100.0) == {"a": True, "b": True}
