"""Who writes a Hypervisor, and that seats which see things differently do not write for ever."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from nfvi_ha.core.fault import Confidence
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.dispatcher import Change
from nfvi_ha.kube.errors import AlreadyExists, Conflict
from nfvi_ha.sentinel.scribe import hypervisors as subject
from nfvi_ha.sentinel.scribe.hypervisor_object import HypervisorObjects, hypervisor_view
from nfvi_ha.sentinel.scribe.hypervisors import Hypervisors
from nfvi_ha.sentinel.scribe.marker import Marker
from nfvi_ha.sentinel.scribe.rank import MUTE_SECONDS, Rank
from nfvi_ha.sentinel.scribe.report import HypervisorReport
from tests.unit.sentinel.scribe.records_made import AT

Obj = dict[str, Any]
UP = HypervisorReport("worker-1", "Up", "Steady", "boot-1", Confidence.HIGH, AT)


class Api:
    """Hypervisors with their versions, and a watch that every seat hears when the test says so."""

    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.writes: list[str] = []
        self._version = 0

    async def create(self, _: object, body: Obj) -> Obj:
        name = body["metadata"]["name"]
        if name in self.objects:
            raise AlreadyExists(409, "AlreadyExists", name)
        self.writes.append("create")
        return self.put(name, {})

    async def get(self, _: object, name: str) -> Obj:
        return copy.deepcopy(self.objects[name])

    async def patch(self, _: object, name: str, body: Obj, *, subresource: str) -> Obj:
        assert subresource == "status"
        if body["metadata"]["resourceVersion"] != self.objects[name]["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", name)
        self.writes.append("status")
        return self.put(name, {**self.objects[name]["status"], **body["status"]})

    def put(self, name: str, status: Obj) -> Obj:
        self._version += 1
        metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(self._version)}
        self.objects[name] = {"metadata": metadata, "status": status}
        return copy.deepcopy(self.objects[name])


class NoMarks:
    """What is marked on Nodes is tested elsewhere, here only that it is."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def mark(self, report: HypervisorReport) -> None:
        self.asked.append(report.state)


class Seat:
    def __init__(self, api: Api, seat: int = 0) -> None:
        self.api = api
        self.events: list[tuple[str, ...]] = []
        self.now = 0.0
        self.marks = NoMarks()
        self.rank = Rank(seat, 0.05, lambda: self.now)
        self.rank.spoke()
        self.objects = HypervisorObjects(
            cast("KubeClient", api), lambda name: self.hypervisors.object_changed(name), now=lambda: AT
        )
        self.objects.synced = True
        self.hypervisors = Hypervisors(
            objects=self.objects,
            marker=cast("Marker", self.marks),
            governed=lambda _: True,
            rank=self.rank,
            emit=lambda *event: self.events.append(event),
        )
        self._shown: dict[str, Any] = {}

    def watch(self) -> None:
        """The watch shows what there is now."""
        now = {name: hypervisor_view(copy.deepcopy(obj)) for name, obj in self.api.objects.items()}
        for name in self._shown.keys() | now.keys():
            old, new = self._shown.get(name), now.get(name)
            if old != new:
                self.objects.changed(Change("MODIFIED", old, new, 0.0, False))
        self._shown = now

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Seat"]:
        task = asyncio.create_task(self.hypervisors.run())
        async with asyncio.timeout(20):
            yield self
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is awaited has no event
        await asyncio.sleep(0.005)


def state(api: Api) -> str:
    return str(api.objects.get("worker-1", {}).get("status", {}).get("state", ""))


async def worked(seat: Seat, marker: str) -> None:
    """Whatever was asked for before is done: another hypervisor, asked for later, is written."""
    seat.hypervisors.take(replace(UP, node=marker))
    await until(lambda: seat.api.objects.get(marker, {}).get("status", {}).get("state") == "Up")


async def test_a_report_makes_the_object_and_fills_it_and_is_told_once() -> None:
    api = Api()
    async with Seat(api).running() as seat:
        seat.hypervisors.take(UP)
        await until(lambda: state(api) == "Up")
        seat.watch()
        seat.hypervisors.take(UP)
        await worked(seat, "other")
        assert api.writes == ["create", "status", "create", "status"]
        assert [event[:3] for event in seat.events if event[0] == "worker-1"] == [
            ("worker-1", "Normal", "HypervisorUp")
        ]


async def test_what_another_seat_writes_later_is_not_undone() -> None:
    api = Api()
    async with Seat(api).running() as seat:
        seat.hypervisors.take(UP)
        await until(lambda: state(api) == "Up")
        seat.watch()
        api.put("worker-1", {**api.objects["worker-1"]["status"], "state": "Suspect"})
        seat.watch()
        await worked(seat, "other")
        assert state(api) == "Suspect"


async def test_a_higher_seat_that_was_overtaken_writes_nothing() -> None:
    api = Api()
    async with Seat(api, seat=1).running() as seat:
        seat.hypervisors.take(replace(UP, state="Suspect"))
        api.put("worker-1", {"state": "Up"})
        seat.watch()
        await worked(seat, "other")
        assert state(api) == "Up"


async def test_a_higher_seat_writes_what_no_lower_one_wrote() -> None:
    api = Api()
    async with Seat(api, seat=2).running() as seat:
        seat.hypervisors.take(UP)
        await until(lambda: state(api) == "Up")


async def test_a_hypervisor_that_somebody_deleted_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "AGAIN_SECONDS", 0.0)
    api = Api()
    async with Seat(api).running() as seat:
        seat.hypervisors.take(UP)
        await until(lambda: state(api) == "Up")
        seat.watch()
        del api.objects["worker-1"]
        seat.watch()
        await until(lambda: state(api) == "Up")


async def test_a_write_in_between_is_read_and_written_upon() -> None:
    api = Api()
    async with Seat(api).running() as seat:
        api.put("worker-1", {})
        seat.watch()
        get = api.get

        async def overtaken(res: object, name: str) -> Obj:
            obj = await get(res, name)
            api.put("worker-1", {"vms": 5})  # the one that was read is old now
            api.get = get  # type: ignore[method-assign]
            return obj

        api.get = overtaken  # type: ignore[method-assign]
        seat.hypervisors.take(UP)
        await until(lambda: state(api) == "Up")
        assert api.objects["worker-1"]["status"]["vms"] == 5


async def test_one_seats_suspicion_is_not_told_as_a_failure() -> None:
    api = Api()
    async with Seat(api).running() as seat:
        seat.hypervisors.take(replace(UP, state="Failed", confidence=Confidence.LOW))
        await until(lambda: bool(seat.events))
        assert seat.events[0][2] == "HypervisorSuspect"
        assert state(api) == "Suspect"


async def test_nothing_is_made_before_it_is_known_what_there_is() -> None:
    api = Api()
    async with Seat(api).running() as seat:
        seat.objects.synced = False
        seat.hypervisors.take(UP)
        await until(seat.hypervisors._queue.idle)
        assert api.writes == []
        seat.objects.synced = True
        seat.hypervisors.all_known(["worker-1", "worker-2"])
        await until(lambda: state(api) == "Up" and "worker-2" in api.objects)


async def test_a_seat_whose_hot_process_stands_still_marks_nothing_until_it_speaks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it holds for Up may have died since, and have been marked by the others."""
    monkeypatch.setattr(subject, "AGAIN_SECONDS", 0.01)
    api = Api()
    async with Seat(api).running() as seat:
        seat.now = MUTE_SECONDS + 0.1
        seat.hypervisors.take(UP)
        await worked(seat, "other")
        assert seat.marks.asked == []
        seat.rank.spoke()
        await until(lambda: seat.marks.asked == ["Up", "Up"])
