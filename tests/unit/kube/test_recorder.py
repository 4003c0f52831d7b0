import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.recorder import EventRecorder, RecorderMetrics, RecorderSettings

from .conftest import eventually
from .fake_api import FakeApi, refuse

VM = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "namespace": "vnf", "name": "a", "uid": "u"}
NODE = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "n"}


class Subject:
    def __init__(self, client: KubeClient, settings: RecorderSettings | None = None) -> None:
        self.registry = CollectorRegistry()
        self.recorder = EventRecorder(
            client, "nfvi-ha.io/operator", "pod-1", settings=settings, metrics=RecorderMetrics(self.registry)
        )

    def dropped(self, reason: str) -> float:
        return self.registry.get_sample_value("nfvi_ha_events_dropped_total", {"reason": reason}) or 0.0

    def emit(self, note: str = "it ended", reason: str = "VmFailed", regarding: dict[str, Any] = VM) -> None:
        self.recorder.emit(regarding, "Warning", reason, note, "Report")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.recorder.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def events(api: FakeApi) -> list[dict[str, Any]]:
    return [obj for (plural, _, _), obj in api._objects.items() if plural == "events"]


async def test_an_event_says_who_saw_what_on_which_object(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client)
    async with subject.running():
        subject.recorder.emit(VM, "Warning", "VmFailed", "n" * 3000, "Report", related=NODE)
        subject.emit(regarding=NODE)
        await subject.recorder.flush(5)
    first, second = events(api)
    assert first["regarding"] == VM
    assert first["related"] == NODE
    assert (first["type"], first["reason"], first["action"]) == ("Warning", "VmFailed", "Report")
    assert (first["reportingController"], first["reportingInstance"]) == ("nfvi-ha.io/operator", "pod-1")
    assert len(first["note"]) == 1000
    assert "series" not in first
    assert first["metadata"]["namespace"] == "vnf"
    assert second["metadata"]["namespace"] == "default", "events of cluster-scoped objects live there"


async def test_a_server_that_wants_events_of_nodes_elsewhere_gets_them_there(api: FakeApi, client: KubeClient) -> None:
    async def refuse_default(request: web.Request, _: bytes) -> web.StreamResponse | None:
        return refuse(422, "Invalid") if "/namespaces/default/" in request.path else None

    api.hook = refuse_default
    subject = Subject(client)
    async with subject.running():
        subject.emit(regarding=NODE)
        await subject.recorder.flush(5)
        subject.emit(regarding=NODE)
        await subject.recorder.flush(5)
    (event,) = events(api)
    assert event["metadata"]["namespace"] == "kube-system"
    assert event["series"]["count"] == 2


async def test_repetitions_count_up_one_series(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client)
    async with subject.running():
        subject.emit()
        await subject.recorder.flush(5)
        for _ in range(5):
            subject.emit()
        subject.emit(note="something else")
        await subject.recorder.flush(5)
    first, second = events(api)
    assert first["series"]["count"] == 6
    assert "series" not in second
    assert api.count("PATCH") == 1, "five repetitions waiting are one write"


async def test_a_series_whose_event_expired_begins_again(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client)
    async with subject.running():
        subject.emit()
        await subject.recorder.flush(5)
        await api.remove("events", events(api)[0]["metadata"]["name"], ns="vnf")
        subject.emit()
        await subject.recorder.flush(5)
    assert events(api)[0]["series"]["count"] == 2


async def test_the_queue_is_bounded_and_what_it_drops_is_counted(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client, RecorderSettings(queue_size=3))
    for number in range(10):
        subject.emit(regarding={**VM, "uid": str(number)})
    assert subject.dropped("queue") == 7
    async with subject.running():
        await subject.recorder.flush(5)
    assert len(events(api)) == 3


async def test_one_flapping_object_does_not_use_up_the_others_share(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client, RecorderSettings(burst=2, refill_seconds=1000))
    async with subject.running():
        for number in range(10):
            subject.emit(note=str(number))
        subject.emit(regarding=NODE)
        await subject.recorder.flush(5)
    assert subject.dropped("rate") == 8
    assert [event["regarding"]["kind"] for event in events(api)].count("Node") == 1


async def test_a_refused_event_is_dropped_and_the_next_goes_out(api: FakeApi, client: KubeClient) -> None:
    async def hook(_request: web.Request, body: bytes) -> web.StreamResponse | None:
        return refuse(403, "Forbidden") if b"unwelcome" in body else None

    api.hook = hook
    subject = Subject(client)
    async with subject.running():
        subject.emit(note="unwelcome")
        subject.emit(note="welcome")
        await eventually(lambda: len(events(api)) == 1)
    assert subject.dropped("HTTP403") == 1


async def test_a_server_that_is_away_for_a_moment_gets_the_event_later(api: FakeApi, client: KubeClient) -> None:
    refusals = 2

    async def hook(_request: web.Request, _body: bytes) -> web.StreamResponse | None:
        nonlocal refusals
        refusals -= 1
        return refuse(503, "ServiceUnavailable") if refusals >= 0 else None

    api.hook = hook
    subject = Subject(client)
    async with subject.running():
        subject.emit()
        await eventually(lambda: len(events(api)) == 1)


async def test_flush_gives_up_after_its_grace(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client)
    subject.emit()
    await subject.recorder.flush(0.05)  # nothing writes, nothing raises
    assert events(api) == []
