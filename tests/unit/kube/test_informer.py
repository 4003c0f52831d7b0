import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change, Dispatcher
from nfvi_ha.kube.errors import Unavailable, error_from_status
from nfvi_ha.kube.informer import Informer, InformerSettings
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.resources import CONFIGMAPS

from .conftest import eventually
from .fake_api import FakeApi, refuse

FAST = InformerSettings(
    page_size=2, idle_seconds=5, first_backoff_seconds=0.005, max_backoff_seconds=0.05, proven_seconds=0.5
)
Told = list[Change[tuple[str, int]]]


def parse(obj: dict[str, Any]) -> tuple[str, int] | None:
    """(uid, value); None where there is no value."""
    return None if obj.get("value") is None else (obj["metadata"]["uid"], int(obj["value"]))


class Subject:
    """An informer, what it told, and its metrics."""

    def __init__(self, client: KubeClient, settings: InformerSettings, consumer: Callable[[Change[Any]], None] | None):
        self.told: Told = []
        self.registry = CollectorRegistry()
        self._consumer = consumer
        self.informer = Informer(
            client,
            CONFIGMAPS,
            parse,
            namespace="default",
            on_change=self._take,
            metrics=InformerMetrics(self.registry),
            settings=settings,
        )

    def _take(self, change: Change[tuple[str, int]]) -> None:
        self.told.append(change)
        if self._consumer is not None:
            self._consumer(change)

    def summary(self) -> list[tuple[str, Any, Any]]:
        return [(change.type, change.old and change.old[1], change.new and change.new[1]) for change in self.told]

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"nfvi_ha_informer_{name}", {"informer": "configmaps", **labels})
        return value or 0.0


@asynccontextmanager
async def running(
    client: KubeClient, settings: InformerSettings = FAST, consumer: Callable[[Change[Any]], None] | None = None
) -> AsyncIterator[Subject]:
    subject = Subject(client, settings, consumer)
    task = asyncio.create_task(subject.informer.run())
    try:
        async with asyncio.timeout(10):
            await subject.informer.wait_synced()
        yield subject
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_first_list_comes_as_synthetic_additions_then_events(api: FakeApi, client: KubeClient) -> None:
    for number in range(5):
        await api.put("configmaps", f"c{number}", value=number)
    async with running(client) as subject:
        assert [(c.type, c.synthetic) for c in subject.told] == [("ADDED", True)] * 5
        await api.put("configmaps", "c0", value=10)
        await api.put("configmaps", "new", value=7)
        await api.remove("configmaps", "c1")
        await eventually(lambda: len(subject.told) == 8)
        assert subject.summary()[5:] == [("MODIFIED", 0, 10), ("ADDED", None, 7), ("DELETED", 1, None)]
        assert not any(change.synthetic for change in subject.told[5:])
        assert subject.informer.get_by_key("default", "c0") == ("uid-c0", 10)
        assert subject.informer.get_by_key("default", "c1") is None
        assert set(subject.informer.objects) == {"uid-c0", "uid-c2", "uid-c3", "uid-c4", "uid-new"}
        assert subject.metric("synced") == 1
        assert subject.metric("objects") == 5


async def test_a_change_between_two_pages_is_not_lost(api: FakeApi, client: KubeClient) -> None:
    for number in range(4):
        await api.put("configmaps", f"c{number}", value=0)
    first = True

    async def hook(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        nonlocal first
        if "continue" in request.query and first:
            first = False
            # c0 is on the page that was already read; the pages must show the time of the first one.
            await api.put("configmaps", "c0", value=1)
            await api.remove("configmaps", "c3")
        return None

    api.hook = hook
    async with running(client) as subject:
        await eventually(lambda: subject.informer.get_by_key("default", "c0") == ("uid-c0", 1))
        await eventually(lambda: subject.informer.get_by_key("default", "c3") is None)


async def test_after_a_410_what_is_gone_is_told_as_deleted(api: FakeApi, client: KubeClient) -> None:
    for number in range(3):
        await api.put("configmaps", f"c{number}", value=number)
    async with running(client) as subject:
        # While our watch is down: one goes, one comes, one changes, one is made anew under the same name.
        api.silent_watches = True
        await api.remove("configmaps", "c0")
        await api.put("configmaps", "c3", value=3)
        await api.put("configmaps", "c1", value=11)
        await api.remove("configmaps", "c2")
        await api.put("configmaps", "c2", uid="second", value=22)
        api.compact()
        api.silent_watches = False
        api.close_watches()
        await eventually(lambda: len(subject.told) == 8)
        told = {(c.type, c.old and c.old[1], c.new and c.new[1]) for c in subject.told[3:]}
        assert told == {
            ("DELETED", 0, None),
            ("DELETED", 2, None),
            ("ADDED", None, 3),
            ("ADDED", None, 22),
            ("MODIFIED", 1, 11),
        }
        assert all(change.synthetic for change in subject.told[3:])
        assert [c.type for c in subject.told[3:5]] == ["DELETED", "DELETED"], "old incarnations go before new come"
        assert subject.informer.get_by_key("default", "c2") == ("second", 22)
        assert subject.metric("relists_total", reason="HTTP410") == 1


@pytest.mark.parametrize("code", [500, 504, 403, 410])
async def test_any_error_line_is_survived(api: FakeApi, client: KubeClient, code: int) -> None:
    await api.put("configmaps", "a", value=1)
    async with running(client) as subject:
        await api.error_line("configmaps", code, "InternalError")
        await eventually(lambda: subject.metric("watch_errors_total", reason=f"HTTP{code}") == 1)
        await api.put("configmaps", "a", value=2)
        await eventually(lambda: subject.informer.get_by_key("default", "a") == ("uid-a", 2))
        assert subject.summary() == [("ADDED", None, 1), ("MODIFIED", 1, 2)]


def recorded_waits(informer: Informer[Any]) -> list[float]:
    """The waits that the informer takes from its back-off, as they come."""
    waits: list[float] = []
    backoff = informer._backoff
    real = backoff.next_seconds

    def record() -> float:
        waits.append(real())
        return waits[-1]

    backoff.next_seconds = record  # type: ignore[method-assign]
    return waits


async def test_an_error_line_that_comes_again_and_again_makes_no_hot_loop(api: FakeApi, client: KubeClient) -> None:
    async def always_error(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        if "watch" not in request.query:
            return None
        return web.Response(body=b'{"type":"ERROR","object":{"code":500,"reason":"InternalError"}}\n')

    subject = Subject(client, FAST, None)
    waits = recorded_waits(subject.informer)
    api.hook = always_error
    task = asyncio.create_task(subject.informer.run())
    await eventually(lambda: len(waits) >= 6)
    task.cancel()
    assert waits[5] > 4 * waits[0], "a list that works in between does not start the waits over"


async def test_a_410_after_an_outage_is_followed_by_a_list_at_once(api: FakeApi, client: KubeClient) -> None:
    away = True

    async def hook(request: web.Request, _body: bytes) -> web.StreamResponse | None:
        if "watch" not in request.query:
            return None
        if away:
            return web.Response(status=503)
        return web.Response(body=b'{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n')

    subject = Subject(client, FAST, None)
    waits = recorded_waits(subject.informer)
    api.hook = hook
    task = asyncio.create_task(subject.informer.run())
    await eventually(lambda: len(waits) >= 5)
    away = False
    before = len(waits)
    await eventually(lambda: len(waits) >= before + 6)
    task.cancel()
    first = next(number for number, wait in enumerate(waits) if number >= before and wait < 0.01)
    assert first <= before + 1, "the waits of the outage are over with its first 410"
    assert waits[first + 4] > 2 * waits[first], "410 again and again makes no hot loop"


@pytest.mark.parametrize(("status", "longest"), [(0, 1.0), (500, 5.0), (429, 5.0)])
async def test_a_server_that_cannot_be_reached_is_asked_again_each_second(
    client: KubeClient, status: int, longest: float
) -> None:
    subject = Subject(client, InformerSettings(), None)
    error = error_from_status({"code": status}) if status else Unavailable(0, "NoConnection", "refused")
    waits = [subject.informer._failed(error, relist=False) for _ in range(20)]
    assert longest / 2 <= max(waits) <= longest


async def test_a_server_that_ends_every_watch_at_once_makes_no_hot_loop(api: FakeApi, client: KubeClient) -> None:
    subject = Subject(client, FAST, None)
    waits = recorded_waits(subject.informer)
    api.close_watches_at_once = True
    task = asyncio.create_task(subject.informer.run())
    await eventually(lambda: len(waits) >= 6)
    task.cancel()
    assert waits[5] > 4 * waits[0]


async def test_garbage_lines_are_counted_and_left_out(api: FakeApi, client: KubeClient) -> None:
    async with running(client) as subject:
        garbage = [
            b"no json",
            b"[]",
            b"3",
            b'"text"',
            b"null",
            b"{}",
            b'{"type":"ADDED"}',
            b'{"type":"ADDED","object":7}',
        ]
        strange = [b'{"type":"NEW","object":{}}', b'{"type":"ADDED","object":{"metadata":{}}}', b"\xff\xfe"]
        for line in garbage + strange:
            await api.line("configmaps", line)
        await api.put("configmaps", "a", value=1)
        await eventually(lambda: subject.summary() == [("ADDED", None, 1)])
        assert subject.metric("rejected_total", reason="line") == len(garbage) + 1
        assert subject.metric("rejected_total", reason="type") == 1
        assert subject.metric("rejected_total", reason="identity") == 1
        assert api.count("GET", watch=True) == 1, "the stream was kept"


async def test_an_absurdly_nested_object_hides_no_other(api: FakeApi, client: KubeClient) -> None:
    """orjson stops at 1,024 levels, the API server at 10,000: one object of that kind may not blind us."""
    deep: Any = "]}"
    for _ in range(600):
        deep = {"a": [deep, '\\"{[']}
    api.dumps = lambda obj: json.dumps(obj).encode()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        await api.put("configmaps", "listed", value=1, spec=deep)
        await api.put("configmaps", "other", value=2)
        async with running(client) as subject:
            assert subject.informer.get_by_key("default", "listed") == ("uid-listed", 1)
            assert subject.informer.get_by_key("default", "other") == ("uid-other", 2)
            await api.put("configmaps", "watched", value=3, spec=deep)
            await eventually(lambda: subject.informer.get_by_key("default", "watched") == ("uid-watched", 3))
            assert subject.metric("rejected_total", reason="line") == 0
    finally:
        sys.setrecursionlimit(limit)


async def test_an_object_that_cannot_be_parsed_keeps_its_last_view(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a", value=1)
    async with running(client) as subject:
        await api.put("configmaps", "a", value="no number")
        await api.put("configmaps", "a", value=None)
        await eventually(lambda: subject.metric("rejected_total", reason="object") == 2)
        assert subject.informer.get_by_key("default", "a") == ("uid-a", 1)
        await api.remove("configmaps", "a")
        await eventually(lambda: subject.summary()[-1] == ("DELETED", 1, None))


async def test_a_silent_stream_is_given_up_within_its_bound(api: FakeApi, client: KubeClient) -> None:
    settings = InformerSettings(idle_seconds=0.3, first_backoff_seconds=0.005)
    async with running(client, settings) as subject:
        api.silent_watches = True
        await api.put("configmaps", "a", value=1)
        await eventually(lambda: subject.metric("watch_errors_total", reason="Stalled") >= 1)
        api.silent_watches = False
        await eventually(lambda: subject.summary() == [("ADDED", None, 1)])
        assert subject.metric("relists_total", reason="Stalled") == 0, "resumed, not listed again"


async def test_bookmarks_move_the_place_to_resume_from(api: FakeApi, client: KubeClient) -> None:
    async with running(client) as subject:
        await api.bookmark("configmaps")
        await eventually(lambda: subject.metric("events_total", type="BOOKMARK") == 1)
        at = api.rv
        api.close_watches()
        await eventually(lambda: api.count("GET", watch=True) >= 2)
        assert api.requests[-1].query["resourceVersion"] == str(at)
        assert subject.told == []
        assert subject.informer.last_event_age() < 10


async def test_a_dead_server_that_comes_back_is_resumed(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a", value=1)
    async with running(client) as subject:
        await api.stop()
        await eventually(
            lambda: (
                subject.metric("watch_errors_total", reason="NoConnection")
                + subject.metric("watch_errors_total", reason="ConnectionLost")
                >= 2
            )
        )
        await api.put("configmaps", "a", value=2)
        await api.start()
        await eventually(lambda: subject.summary() == [("ADDED", None, 1), ("MODIFIED", 1, 2)])
        assert subject.metric("relists_total", reason="start") == 1
        assert api.count("GET", watch=False) == 1, "resumed from where it was"


async def test_a_server_that_is_overloaded_is_not_listed_again(api: FakeApi, client: KubeClient) -> None:
    async with running(client) as subject:

        async def overloaded(_request: web.Request, _body: bytes) -> web.StreamResponse:
            return refuse(429, "TooManyRequests", {"Retry-After": "1"})

        lists = api.count("GET", watch=False)
        api.hook = overloaded
        api.close_watches()
        await eventually(lambda: subject.metric("watch_errors_total", reason="HTTP429") >= 2)
        assert api.count("GET", watch=False) == lists


async def test_an_object_of_a_megabyte_passes(api: FakeApi, client: KubeClient) -> None:
    async with running(client) as subject:
        await api.put("configmaps", "big", value=1, data="x" * 1_500_000)
        await api.put("configmaps", "small", value=2)
        await eventually(lambda: len(subject.told) == 2)
        assert subject.summary() == [("ADDED", None, 1), ("ADDED", None, 2)]


async def test_a_consumer_that_raises_is_counted_and_told_the_next_change(api: FakeApi, client: KubeClient) -> None:
    def consumer(_change: Change[Any]) -> None:
        raise RuntimeError("defect")

    await api.put("configmaps", "a", value=1)
    async with running(client, consumer=consumer) as subject:
        await api.put("configmaps", "a", value=2)
        await eventually(lambda: len(subject.told) == 2)
        assert subject.metric("handler_errors_total") == 2


async def test_a_deletion_carries_the_last_state_of_the_object(api: FakeApi, client: KubeClient) -> None:
    await api.put("configmaps", "a", value=1)
    async with running(client) as subject:
        obj = {"metadata": {"name": "a", "namespace": "default", "uid": "uid-a", "resourceVersion": "999"}, "value": 5}
        await api.line("configmaps", orjson.dumps({"type": "DELETED", "object": obj}))
        await eventually(lambda: subject.summary() == [("ADDED", None, 1), ("DELETED", 5, None)])


async def test_nodes_go_before_a_burst_of_vm_events(api: FakeApi, client: KubeClient) -> None:
    """Both bursts are queued before anything is delivered; a slow consumer must see the nodes first."""
    dispatcher = Dispatcher()
    order: list[str] = []
    vms = dispatcher.lane(50, lambda change, _since: order.append("vm"))
    nodes = dispatcher.lane(10, lambda change, _since: order.append("node"))
    for number in range(1000):
        vms.put(f"vm{number}", Change("ADDED", None, number, 0.0, synthetic=False))
    for number in range(3):
        nodes.put(f"node{number}", Change("ADDED", None, number, 0.0, synthetic=False))
    await eventually(lambda: len(order) == 1003)
    assert order[:3] == ["node"] * 3


async def test_a_node_event_during_a_vm_burst_waits_for_one_slice_only() -> None:
    now = 0.0

    def clock() -> float:
        return now

    def slow_consumer(_change: Change[Any], _since: float) -> None:
        nonlocal now
        now += 0.001
        order.append("vm")

    order: list[str] = []
    dispatcher = Dispatcher(clock=clock, slice_seconds=0.002)
    vms = dispatcher.lane(50, slow_consumer)
    nodes = dispatcher.lane(10, lambda change, _since: order.append("node"))
    for number in range(100):
        vms.put(f"vm{number}", Change("ADDED", None, number, 0.0, synthetic=False))
    await asyncio.sleep(0)  # the first slice
    nodes.put("node", Change("MODIFIED", 0, 1, 0.0, synthetic=False))
    await eventually(lambda: len(order) == 101)
    assert order.index("node") <= 4


async def test_waiting_changes_of_one_object_become_one_and_deletions_never_vanish() -> None:
    told: list[Change[int]] = []
    lane = Dispatcher().lane(10, lambda change, _since: told.append(change))

    def put(uid: str, kind: Any, old: int | None, new: int | None) -> None:
        lane.put(uid, Change(kind, old, new, float(new or 0), synthetic=False))

    put("a", "MODIFIED", 1, 2)
    put("b", "MODIFIED", 1, 2)
    for value in range(2, 50):
        put("a", "MODIFIED", value, value + 1)
    put("a", "DELETED", 50, None)
    put("a2", "ADDED", None, 1)  # the next incarnation of the same name
    put("a2", "MODIFIED", 1, 2)
    put("a2", "DELETED", 2, None)
    await eventually(lambda: not lane)
    assert [(c.type, c.old, c.new) for c in told] == [
        ("MODIFIED", 1, 50),
        ("MODIFIED", 1, 2),
        ("DELETED", 50, None),
        ("ADDED", None, 1),
        ("MODIFIED", 1, 2),
        ("DELETED", 2, None),
    ]
    assert told[0].received_at == 50


async def test_delivery_goes_on_while_more_is_queued_by_consumers() -> None:
    told: list[int] = []
    dispatcher = Dispatcher()

    def consume(change: Change[int], _since: float) -> None:
        told.append(change.new or 0)
        if change.new and change.new < 5:
            lane.put("x", Change("MODIFIED", change.new, change.new + 1, 0.0, synthetic=False))

    lane = dispatcher.lane(1, consume)
    lane.put("x", Change("ADDED", None, 1, 0.0, synthetic=False))
    await eventually(lambda: told == [1, 2, 3, 4, 5])
