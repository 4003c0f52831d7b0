"""The stores of our own kinds: events from kopf's thread, mended by lists."""

import asyncio
import threading
from typing import Any

from nfvi_ha.kube.errors import Unavailable
from nfvi_ha.kube.resources import VNFREPLICASETS, Resource
from nfvi_ha.operator.freshness import NodeFreshness
from nfvi_ha.operator.own_kinds import OwnKinds
from nfvi_ha.operator.world import World

Obj = dict[str, Any]


def vnf_set(name: str = "fw", version: int = 1, **spec: Any) -> Obj:
    metadata = {
        "namespace": "tenant",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": 1,
    }
    template = {"metadata": {"labels": {"app": "fw"}}, "spec": {"domain": {}}}
    spec = {"selector": {"matchLabels": {"app": "fw"}}, "template": template, **spec}
    return {"apiVersion": "nfvi-ha.io/v1alpha1", "kind": "VNFReplicaSet", "metadata": metadata, "spec": spec}


class Server:
    def __init__(self, *sets: Obj) -> None:
        self.sets = list(sets)
        self.away = False

    async def list(self, res: Resource) -> list[Obj]:
        if self.away:
            raise Unavailable(0, "Unavailable", "away")
        return list(self.sets) if res == VNFREPLICASETS else []


class Desk:
    def __init__(self, server: Server, *, watched: bool = True) -> None:
        self.world = World(NodeFreshness())
        self.told: list[tuple[str, str]] = []
        self.own = OwnKinds(
            self.world,
            server,  # type: ignore[arg-type]
            on_set=self.told.append,
            on_endpoint=lambda _: None,
            on_policy=lambda _: None,
            watched=lambda: watched,
        )

    async def event(self, kind: str | None, obj: Obj) -> None:
        """As kopf does it: from another thread."""
        thread = threading.Thread(target=self.own.vnfreplicaset, args=({"type": kind, "object": obj},))
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)


async def test_an_event_from_another_thread_gets_into_the_store() -> None:
    desk = Desk(Server())
    await desk.event(None, vnf_set(replicas=4))
    assert desk.world.sets["tenant", "fw"].model is not None
    assert desk.told == [("tenant", "fw")]


async def test_a_deletion_that_kopf_lost_is_found_by_the_list() -> None:
    server = Server(vnf_set())
    desk = Desk(server)
    await desk.own.resync()
    server.sets.clear()
    await desk.own.resync()
    assert desk.world.sets == {}
    assert desk.told == [("tenant", "fw"), ("tenant", "fw")]


async def test_an_old_list_does_not_bring_back_what_was_deleted_meanwhile() -> None:
    stale = vnf_set(version=5)
    server = Server(stale)
    desk = Desk(server)
    await desk.event("ADDED", stale)
    await desk.event("DELETED", stale)
    await desk.own.resync()
    assert desk.world.sets == {}


async def test_an_old_list_does_not_undo_a_newer_event() -> None:
    desk = Desk(Server(vnf_set(version=5, replicas=1)))
    await desk.event("MODIFIED", vnf_set(version=9, replicas=7))
    await desk.own.resync()
    entry = desk.world.sets["tenant", "fw"]
    assert entry.model is not None
    assert entry.model.spec.replicas == 7


async def test_what_has_not_changed_asks_for_no_work() -> None:
    desk = Desk(Server(vnf_set()))
    await desk.own.resync()
    await desk.own.resync()
    assert desk.told == [("tenant", "fw")]


async def test_a_bad_object_is_kept_with_its_problem() -> None:
    desk = Desk(Server())
    await desk.event("ADDED", vnf_set(replicas=-3))
    entry = desk.world.sets["tenant", "fw"]
    assert entry.model is None
    assert entry.problem is not None
    assert entry.problem.field == "spec.replicas"


async def test_an_api_server_that_is_away_at_the_start_is_waited_for() -> None:
    server = Server(vnf_set())
    server.away = True
    desk = Desk(server)
    running = asyncio.create_task(desk.own.run())
    await asyncio.sleep(0)
    assert not desk.own.synced.is_set()
    server.away = False
    await asyncio.wait_for(desk.own.synced.wait(), 10)
    assert ("tenant", "fw") in desk.world.sets
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
