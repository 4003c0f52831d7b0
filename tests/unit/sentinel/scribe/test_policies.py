"""Which HAPolicy holds where, as the scribe tells it."""

from typing import Any

from nfvi_ha.core.verdict.policy import VerdictPolicy
from nfvi_ha.core.views import NodeView
from nfvi_ha.sentinel.numbers import verdict_policy
from nfvi_ha.sentinel.scribe.policies import Policies, PolicyView, policy_view

RACK_1 = NodeView("worker-1", labels=(("zone", "rack-1"),))
RACK_2 = NodeView("worker-2", labels=(("zone", "rack-2"),))


def policy(name: str = "all", zone: str = "", made: str = "2026-01-01T00:00:00Z", **spec: Any) -> PolicyView:
    selector = {"nodeSelector": {"matchLabels": {"zone": zone}}} if zone else {}
    metadata = {"name": name, "uid": f"uid-{name}", "creationTimestamp": made}
    return policy_view({"metadata": metadata, "spec": {**selector, **spec}})


def having(*views: PolicyView) -> Policies:
    policies = Policies()
    for view in views:
        policies.change(None, view)
    return policies


def test_without_any_policy_the_defaults_govern_every_node() -> None:
    policies = having()
    assert policies.governs(RACK_1)
    assert policies.may_mark(RACK_1)
    assert verdict_policy(policies.verdict(), ()) == VerdictPolicy()


def test_a_node_that_no_policy_selects_is_not_governed() -> None:
    policies = having(policy("one", "rack-1"))
    assert policies.governs(RACK_1)
    assert not policies.governs(RACK_2)
    assert not policies.may_mark(RACK_2)


def test_the_leading_policys_figures_hold_for_all() -> None:
    policies = having(policy("low"), policy("high", "rack-1", priority=5, heartbeat={"suspectAfter": "400ms"}))
    assert policies.verdict()["suspect_seconds"] == 0.4


def test_the_policy_of_a_node_says_whether_it_is_marked() -> None:
    policies = having(policy("low"), policy("high", "rack-1", priority=5, taintFailedNodes=False))
    assert not policies.may_mark(RACK_1)
    assert policies.may_mark(RACK_2)


def test_a_bad_policy_is_refused_with_the_reason_and_the_last_good_one_stands() -> None:
    bad = policy("one", "rack-1", heartbeat={"suspectAfter": "1ms"})
    assert bad.model is None
    assert "suspectAfter" in bad.problem
    policies = having(policy("one", "rack-1"), bad)
    assert not policies.governs(RACK_2)
    assert having(bad).governs(RACK_2)


def test_a_policy_that_is_gone_holds_no_more() -> None:
    view = policy("one", "rack-1")
    policies = having(view)
    policies.change(view, None)
    assert policies.governs(RACK_2)


def test_nonsense_is_no_policy() -> None:
    for obj in ({}, {"metadata": 1}, {"metadata": {"name": "a"}, "spec": []}):
        assert policy_view(obj).model is None
