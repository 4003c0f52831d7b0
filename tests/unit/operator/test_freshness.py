import pytest

from nfvi_ha.operator.freshness import NodeFreshness


def test_a_lease_that_was_there_before_us_proves_nothing() -> None:
    freshness = NodeFreshness()
    assert freshness.observe("worker-1", "t1", at=10.0) is False
    assert not freshness.is_fresh("worker-1", now=10.0)


def test_a_renewal_that_we_saw_makes_the_node_fresh_once() -> None:
    freshness = NodeFreshness()
    freshness.observe("worker-1", "t1", at=10.0)
    assert freshness.observe("worker-1", "t2", at=20.0) is True
    assert freshness.observe("worker-1", "t3", at=30.0) is False
    assert freshness.fresh_nodes(30.0) == {"worker-1"}


@pytest.mark.parametrize(("age", "fresh"), [(0.0, True), (40.0, True), (40.1, False)])
def test_freshness_ends_after_the_grace_by_our_own_clock(age: float, fresh: bool) -> None:
    freshness = NodeFreshness(grace_seconds=40.0)
    freshness.observe("worker-1", "2026-01-01T00:00:00Z", at=0.0)
    # A renewTime a year behind ours must not matter: clocks are never compared.
    freshness.observe("worker-1", "2025-01-01T00:00:00Z", at=100.0)
    assert freshness.is_fresh("worker-1", now=100.0 + age) is fresh


def test_an_event_that_repeats_the_same_renewal_does_not_refresh() -> None:
    freshness = NodeFreshness(grace_seconds=40.0)
    freshness.observe("worker-1", "t1", at=0.0)
    freshness.observe("worker-1", "t2", at=1.0)
    freshness.observe("worker-1", "t2", at=39.0)
    assert not freshness.is_fresh("worker-1", now=45.0)


def test_a_node_that_was_stale_becomes_fresh_again_and_says_so() -> None:
    freshness = NodeFreshness(grace_seconds=40.0)
    freshness.observe("worker-1", "t1", at=0.0)
    freshness.observe("worker-1", "t2", at=1.0)
    assert freshness.observe("worker-1", "t3", at=100.0) is True


def test_a_deleted_lease_is_forgotten() -> None:
    freshness = NodeFreshness()
    freshness.observe("worker-1", "t1", at=0.0)
    freshness.observe("worker-1", "t2", at=1.0)
    freshness.forget("worker-1")
    assert freshness.fresh_nodes(1.0) == frozenset()


def test_a_node_that_was_seen_writing_is_fresh_before_its_lease_changes() -> None:
    freshness = NodeFreshness(grace_seconds=40.0)
    freshness.observe("worker-1", "t1", at=0.0)
    freshness.heard("worker-1", at=5.0)
    assert freshness.is_fresh("worker-1", now=45.0)
    assert not freshness.is_fresh("worker-1", now=45.1)


def test_the_first_sight_of_a_lease_does_not_count_though_the_node_was_heard_before() -> None:
    freshness = NodeFreshness(grace_seconds=40.0)
    freshness.heard("worker-1", at=5.0)
    assert freshness.observe("worker-1", "t1", at=60.0) is False
    assert not freshness.is_fresh("worker-1", now=60.0)
