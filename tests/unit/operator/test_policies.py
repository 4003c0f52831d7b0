"""What is said of policies: refused, overlapping, leading, and how many nodes each governs."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nfvi_ha.core.views import NodeView
from nfvi_ha.kube.errors import NotFound
from nfvi_ha.kube.resources import HAPOLICIES, Resource
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.metrics import OperatorMetrics
from nfvi_ha.operator.policies import ALL, PolicyController
from nfvi_ha.operator.world import World, policy_entry
from nfvi_ha.reporting.clock import Clock

Obj = dict[str, Any]


class Site:
    """Policies and nodes, and an API server that stores statuses."""

    def __init__(self, clock: Clock, *, leads: bool = True) -> None:
        self.world = World(NodeFreshness())
        self.objects: dict[str, Obj] = {}
        self.writes = 0
        self.events: list[tuple[str, str, str]] = []
        self.controller = PolicyController(
            world=self.world,
            client=self,  # type: ignore[arg-type]
            emit=lambda entry, _, reason, note: self.events.append((entry.name, reason, note)),
            leading=lambda: leads,
            clock=clock,
            metrics=OperatorMetrics(CollectorRegistry()),
        )

    def node(self, name: str, **labels: str) -> None:
        self.world.nodes[name] = NodeView(name, labels=tuple(labels.items()))

    def policy(self, name: str, *, generation: int = 1, created: str = "2026-01-01T00:00:00Z", **spec: Any) -> None:
        metadata = {"name": name, "uid": f"uid-{name}", "generation": generation, "creationTimestamp": created}
        old = self.objects.get(name, {})
        self.objects[name] = {**old, "metadata": metadata, "spec": spec}
        self.see(name)

    def see(self, name: str) -> None:
        entry = policy_entry(self.objects[name])
        assert entry is not None
        self.world.policies[name] = entry

    async def patch(self, resource: Resource, name: str, patch: Obj, *, subresource: str) -> Obj:
        assert (resource, subresource) == (HAPOLICIES, "status")
        if name not in self.objects:
            raise NotFound(404, "NotFound", "gone")
        self.writes += 1
        self.objects[name]["status"] = patch["status"]
        return self.objects[name]

    async def settle(self) -> None:
        await self.controller.reconcile(ALL)
        for name in self.world.policies:
            self.see(name)

    def says(self, name: str) -> dict[str, str]:
        return {one["type"]: one["status"] for one in self.objects[name]["status"]["conditions"]}


async def test_a_policy_alone_governs_what_it_selects_and_leads(clock: Clock) -> None:
    site = Site(clock)
    site.node("worker-1", rack="a")
    site.node("worker-2", rack="b")
    site.policy("one", nodeSelector={"matchLabels": {"rack": "a"}})
    await site.settle()
    assert site.objects["one"]["status"]["nodes"] == 1
    assert site.objects["one"]["status"]["observedGeneration"] == 1
    assert site.says("one") == {"Accepted": "True", "Overlapping": "False", "Leading": "True"}


async def test_of_two_that_select_a_node_the_loser_says_who_has_it(clock: Clock) -> None:
    site = Site(clock)
    site.node("worker-1", rack="a")
    site.node("worker-2", rack="b")
    site.policy("all", priority=1)
    site.policy("rack-a", priority=2, nodeSelector={"matchLabels": {"rack": "a"}})
    await site.settle()
    assert [site.objects[name]["status"]["nodes"] for name in ("all", "rack-a")] == [1, 1]
    assert site.says("all") == {"Accepted": "True", "Overlapping": "True", "Leading": "False"}
    assert site.says("rack-a") == {"Accepted": "True", "Overlapping": "False", "Leading": "True"}
    messages = [one["message"] for one in site.objects["all"]["status"]["conditions"]]
    assert sum("HAPolicy rack-a" in message for message in messages) == 2


async def test_of_equals_the_oldest_holds(clock: Clock) -> None:
    site = Site(clock)
    site.node("worker-1")
    site.policy("a-younger", created="2026-01-02T00:00:00Z")
    site.policy("b-older")
    await site.settle()
    assert [site.objects[name]["status"]["nodes"] for name in ("a-younger", "b-older")] == [0, 1]


async def test_a_bad_policy_is_refused_with_an_event_and_harms_no_other(clock: Clock) -> None:
    site = Site(clock)
    site.node("worker-1")
    site.policy("good")
    site.policy("bad", priority=9, heartbeat={"suspectAfter": "1ms"})
    await site.settle()
    await site.settle()
    assert site.says("bad") == {"Accepted": "False"}
    assert site.objects["good"]["status"]["nodes"] == 1
    assert site.says("good")["Overlapping"] == "False"
    assert [(name, reason) for name, reason, _ in site.events] == [("bad", "Refused")]
    assert "spec.heartbeat.suspectAfter" in site.events[0][2]
    site.policy("bad", generation=2, priority=9)
    await site.settle()
    assert site.says("bad") == {"Accepted": "True", "Overlapping": "False", "Leading": "True"}
    assert site.objects["good"]["status"]["nodes"] == 0


async def test_nothing_is_written_when_nothing_changed_nor_by_one_that_does_not_lead(clock: Clock) -> None:
    site, standby = Site(clock), Site(clock, leads=False)
    for each in (site, standby):
        each.node("worker-1")
        each.policy("one")
        await each.settle()
        await each.settle()
    assert (site.writes, standby.writes) == (1, 0)


async def test_what_somebody_else_wrote_into_a_status_is_put_right(clock: Clock) -> None:
    site = Site(clock)
    site.policy("one")
    site.objects["one"]["status"] = {"nodes": 7, "conditions": [{"type": 5}, "x"]}
    site.see("one")
    await site.settle()
    assert site.objects["one"]["status"]["nodes"] == 0
    assert set(site.says("one")) == {"Accepted", "Overlapping", "Leading"}


@pytest.mark.parametrize("conditions", [None, "x", {"a": 1}])
async def test_a_status_of_any_form_can_be_replaced(clock: Clock, conditions: object) -> None:
    site = Site(clock)
    site.policy("one")
    site.objects["one"]["status"] = {"conditions": conditions}
    site.see("one")
    await site.settle()
    assert site.says("one")["Accepted"] == "True"
