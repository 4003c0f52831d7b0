"""A Lease is stale only when the API server was there to show its renewal and did not."""

from nfvi_ha.core.lease_age import LeaseAges


def test_a_lease_that_is_not_renewed_becomes_stale_once_that_is_proven() -> None:
    ages = LeaseAges()
    ages.observe("worker-1", "a", 100.0)
    assert ages.doubtful(130.0) == []
    assert ages.doubtful(131.0) == ["worker-1"]
    assert not ages.is_stale("worker-1")
    ages.observe("worker-1", "a", 131.0)
    assert ages.is_stale("worker-1")
    assert ages.doubtful(132.0) == []


def test_a_renewal_ends_it() -> None:
    ages = LeaseAges()
    ages.observe("worker-1", "a", 100.0)
    ages.observe("worker-1", "a", 140.0)
    ages.observe("worker-1", "b", 141.0)
    assert not ages.is_stale("worker-1")
    assert ages.doubtful(171.0) == []


def test_while_the_api_server_is_away_no_node_becomes_stale() -> None:
    ages = LeaseAges()
    for node in ("worker-1", "worker-2"):
        ages.observe(node, "a", 100.0)
    assert not ages.is_stale("worker-1")
    assert ages.doubtful(1000.0) == ["worker-1", "worker-2"]
    ages.observe("worker-2", "b", 1000.0)
    assert not ages.is_stale("worker-2")


def test_a_node_without_a_lease_is_not_stale() -> None:
    ages = LeaseAges()
    ages.observe("worker-1", "a", 100.0)
    ages.forget("worker-1")
    assert not ages.is_stale("worker-1")
    assert not ages.is_stale("worker-2")
