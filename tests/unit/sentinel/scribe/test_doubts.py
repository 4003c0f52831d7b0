"""Leases that should have been renewed are asked for before anybody is called stale."""

from typing import Any, cast

import pytest

from nfvi_ha.core.lease_age import LeaseAges
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import NotFound, Unavailable
from nfvi_ha.sentinel.scribe.doubts import MOST_PER_ROUND, LeaseDoubts


class Api:
    def __init__(self) -> None:
        self.renewed: dict[str, str] = {}
        self.asked: list[str] = []
        self.away = False

    async def get(self, _: object, name: str, namespace: str) -> dict[str, Any]:
        self.asked.append(name)
        if self.away:
            raise Unavailable(0, "ConnectFailed", "away")
        if name not in self.renewed:
            raise NotFound(404, "NotFound", name)
        metadata = {"uid": name, "namespace": namespace, "name": name}
        return {"metadata": metadata, "spec": {"renewTime": self.renewed[name]}}


class Scene:
    def __init__(self, *nodes: str) -> None:
        self.api = Api()
        self.ages = LeaseAges()
        self.now = 131.0
        for node in nodes:
            self.ages.observe(node, "a", 100.0)
            self.api.renewed[node] = "a"
        self.doubts = LeaseDoubts(cast("KubeClient", self.api), self.ages, self.ages.observe, clock=lambda: self.now)


async def test_one_that_is_as_it_was_is_stale_and_one_that_was_renewed_is_not() -> None:
    scene = Scene("worker-1", "worker-2")
    scene.api.renewed["worker-2"] = "b"
    await scene.doubts.look()
    assert (scene.ages.is_stale("worker-1"), scene.ages.is_stale("worker-2")) == (True, False)
    scene.api.asked.clear()
    await scene.doubts.look()
    assert scene.api.asked == []


async def test_without_an_answer_nothing_is_stale() -> None:
    scene = Scene("worker-1")
    scene.api.away = True
    with pytest.raises(Unavailable):
        await scene.doubts.look()
    assert not scene.ages.is_stale("worker-1")


async def test_one_that_is_gone_is_forgotten() -> None:
    scene = Scene("worker-1")
    del scene.api.renewed["worker-1"]
    await scene.doubts.look()
    assert scene.ages.doubtful(1000.0) == []


async def test_a_whole_cluster_in_doubt_is_asked_for_in_parts() -> None:
    scene = Scene(*(f"worker-{number}" for number in range(100)))
    await scene.doubts.look()
    assert len(scene.api.asked) == MOST_PER_ROUND
    while scene.ages.doubtful(scene.now):
        await scene.doubts.look()
    assert len(scene.api.asked) == 100
