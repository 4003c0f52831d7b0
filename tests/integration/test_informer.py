"""The informer against a real API server: what a fake one cannot prove."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound
from nfvi_ha.kube.informer import Informer, InformerSettings
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.recorder import EventRecorder, RecorderMetrics
from nfvi_ha.kube.resources import CONFIGMAPS, EVENTS, NODES
from nfvi_ha.kube.views import node_view
from nfvi_ha.lab.controlplane import ControlPlane
from nfvi_ha.lab.controlplane.assets import Assets


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_plane(assets: Assets) -> AsyncIterator[ControlPlane]:
    """One that these tests may stop and make forget."""
    async with await ControlPlane.start(assets=assets) as plane:
        yield plane


@pytest_asyncio.fixture
async def own_kube(own_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(str(own_plane.kubeconfig)) as client:
        yield client


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"subject": "informer"}}, "data": data}


def parse(obj: dict[str, Any]) -> tuple[str, ...]:
    return (obj["metadata"]["name"], *(obj.get("data") or {}).values())


async def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is of a server
            await asyncio.sleep(0.01)


class Subject:
    def __init__(self, client: KubeClient, settings: InformerSettings | None = None) -> None:
        self.told: list[Change[tuple[str, ...]]] = []
        self.registry = CollectorRegistry()
        self.informer = Informer(
            client,
            CONFIGMAPS,
            parse,
            namespace="default",
            label_selector="subject=informer",
            on_change=self.told.append,
            metrics=InformerMetrics(self.registry),
            settings=settings,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Subject"]:
        task = asyncio.create_task(self.informer.run())
        try:
            async with asyncio.timeout(30):
                await self.informer.wait_synced()
            yield self
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def names(self) -> set[str]:
        return {view[0] for view in self.informer.objects.values()}

    def relists(self, reason: str) -> float:
        labels = {"informer": "configmaps", "reason": reason}
        return self.registry.get_sample_value("nfvi_ha_informer_relists_total", labels) or 0.0


async def clear(client: KubeClient) -> None:
    for obj in await client.list(CONFIGMAPS, "default", label_selector="subject=informer"):
        await client.delete(CONFIGMAPS, obj["metadata"]["name"], "default")


async def test_pages_and_events_of_a_real_server(kube: KubeClient) -> None:
    await clear(kube)
    await asyncio.gather(*(kube.create(CONFIGMAPS, config_map(f"c{n}", v="0"), "default") for n in range(25)))
    async with Subject(kube, InformerSettings(page_size=10)).running() as subject:
        assert len(subject.told) == 25
        await kube.patch(CONFIGMAPS, "c3", {"data": {"v": "1"}}, "default")
        await kube.delete(CONFIGMAPS, "c4", "default")
        await kube.create(CONFIGMAPS, config_map("big", v="x" * 900_000), "default")
        await eventually(lambda: len(subject.told) == 28)
        assert [change.type for change in subject.told[25:]] == ["MODIFIED", "DELETED", "ADDED"]
        assert subject.told[25].old == ("c3", "0")
        # An object that leaves the selection is gone for us.
        await kube.patch(CONFIGMAPS, "c5", {"metadata": {"labels": {"subject": None}}}, "default")
        await eventually(lambda: subject.told[-1].type == "DELETED" and len(subject.told) == 29)
    await kube.delete(CONFIGMAPS, "c5", "default")
    await clear(kube)


async def test_a_stopped_server_and_a_forgotten_history_lose_nothing(
    own_plane: ControlPlane, own_kube: KubeClient
) -> None:
    await asyncio.gather(*(own_kube.create(CONFIGMAPS, config_map(f"c{n}"), "default") for n in range(5)))
    async with Subject(own_kube).running() as subject:
        await own_plane.stop_apiserver()
        await own_plane.start_apiserver()
        await own_kube.create(CONFIGMAPS, config_map("after-restart"), "default")
        await eventually(lambda: "after-restart" in subject.names())

        # Deleted where our watch cannot see it: the informer is cut off, the history is thrown away.
        stale = subject.informer._version
        subject.informer._version = "1"  # as old as can be: what a long outage makes of it
        await own_plane.forget_history()
        await own_kube.delete(CONFIGMAPS, "c0", "default")
        await own_kube.create(CONFIGMAPS, config_map("after-loss"), "default")
        await eventually(lambda: "after-loss" in subject.names() and "c0" not in subject.names())
        assert int(subject.informer._version) > int(stale)
    await clear(own_kube)


async def test_a_watch_from_compacted_history_is_told_410(own_plane: ControlPlane, own_kube: KubeClient) -> None:
    await own_kube.create(CONFIGMAPS, config_map("old"), "default")
    await own_plane.forget_history()
    async with Subject(own_kube).running() as subject:
        assert "old" in subject.names()
    lines: list[bytes] = []
    try:
        async for batch in own_kube.watch_batches(CONFIGMAPS, "default", resource_version="1", timeout_seconds=5):
            lines += batch
    except Gone:
        return
    assert b'"type":"ERROR"' in lines[0]
    assert b'"code":410' in lines[0]
    await clear(own_kube)


async def test_nodes_whose_view_did_not_change_are_not_told(kube: KubeClient) -> None:
    told: list[Change[Any]] = []
    informer = Informer(kube, NODES, node_view, on_change=told.append)
    task = asyncio.create_task(informer.run())
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "told-or-not"}}
    await kube.create(NODES, node)
    try:
        await informer.wait_synced()
        await eventually(lambda: bool(told))
        await kube.patch(NODES, "told-or-not", {"metadata": {"annotations": {"heartbeat": "1"}}})
        await kube.patch(NODES, "told-or-not", {"spec": {"unschedulable": True}})
        await eventually(lambda: told[-1].type == "MODIFIED")
        mine = [change for change in told if (change.new or change.old).name == "told-or-not"]
        assert [change.type for change in mine if change.type == "MODIFIED" and not change.new.unschedulable] == []
    finally:
        task.cancel()
        await kube.delete(NODES, "told-or-not")


async def test_the_client_and_the_server_agree_on_refusals(kube: KubeClient, namespace: str) -> None:
    made = await kube.create(CONFIGMAPS, config_map("a"), namespace)
    with pytest.raises(AlreadyExists):
        await kube.create(CONFIGMAPS, config_map("a"), namespace)
    with pytest.raises(Conflict):
        await kube.delete(CONFIGMAPS, "a", namespace, uid="another")
    await kube.patch(CONFIGMAPS, "a", {"data": {"x": "1"}}, namespace)
    with pytest.raises(Conflict):
        await kube.replace(CONFIGMAPS, made, namespace)
    with pytest.raises(Invalid):
        await kube.create(CONFIGMAPS, config_map("Not A Name"), namespace)
    applied = await kube.apply(CONFIGMAPS, {"metadata": {"name": "b"}, "data": {"k": "v"}}, namespace)
    assert applied["metadata"]["managedFields"][0]["manager"] == kube.field_manager
    await kube.delete(CONFIGMAPS, "a", namespace, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await kube.get(CONFIGMAPS, "a", namespace)


async def test_events_are_accepted_and_count_up(kube: KubeClient, namespace: str) -> None:
    made = await kube.create(CONFIGMAPS, config_map("subject"), namespace)
    about = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "namespace": namespace,
        "name": "subject",
        "uid": made["metadata"]["uid"],
    }
    registry = CollectorRegistry()
    recorder = EventRecorder(kube, "nfvi-ha.io/operator", "test-0", metrics=RecorderMetrics(registry))
    task = asyncio.create_task(recorder.run())
    recorder.emit(
        about, "Warning", "VmFailed", "it ended", "Report", related={"apiVersion": "v1", "kind": "Node", "name": "n"}
    )
    await recorder.flush(10)
    recorder.emit(about, "Warning", "VmFailed", "it ended", "Report")
    recorder.emit(about, "Warning", "VmFailed", "it ended", "Report")
    await recorder.flush(10)
    task.cancel()
    events = await kube.list(EVENTS, namespace)
    assert [(event["reason"], event["note"], event["series"]["count"]) for event in events] == [
        ("VmFailed", "it ended", 3)
    ]
    assert registry.get_sample_value("nfvi_ha_events_sent_total") == 2
