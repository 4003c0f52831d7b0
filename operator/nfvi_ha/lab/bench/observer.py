"""Watches as the operator does and notes when each event came: ``python -m nfvi_ha.lab.bench.observer``.

What the API server needs to write and to send is not the operator's share. A watch of another process shows it.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import orjson

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.resources import INCIDENTS, VMIS, Resource
from nfvi_ha.lab.bench import fleet
from nfvi_ha.lab.bench.part import serve
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.objects import JsonObject, name_of, phase_of, uid_of

WATCH_SECONDS = 3600


class Observer:
    """All times are CLOCK_MONOTONIC in nanoseconds, when the event's bytes were read."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._changed = asyncio.Event()
        self._clear()

    def _clear(self) -> None:
        self._failed: dict[str, int] = {}
        self._created: dict[str, int] = {}
        self._recorded: dict[str, int] = {}
        self._delivered: dict[str, int] = {}
        self._writes: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._events: Counter[str] = Counter()

    async def run(self) -> None:
        """Watch, and answer requests until standard input ends."""
        async with asyncio.TaskGroup() as group:
            watches = [
                group.create_task(self._watch(resource, note, await self._version(resource)))
                for resource, note in ((VMIS, self._vmi), (INCIDENTS, self._incident))
            ]
            await serve(self._answer)
            for watch in watches:
                watch.cancel()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        match request["do"]:
            case "forget":
                self._clear()
            case "wait":
                async with asyncio.timeout(float(request["seconds"])):
                    while not self._complete(int(request["count"])):
                        self._changed.clear()
                        await self._changed.wait()
            case other if other != "tell":
                raise ValueError(f"no such request: {other}")
        return {
            "failed": self._failed,
            "created": self._created,
            "recorded": self._recorded,
            "delivered": self._delivered,
            "incident_writes": dict(self._writes),
            "events": dict(self._events),
            "bytes": dict(self._bytes),
        }

    def _complete(self, count: int) -> bool:
        """So many replacements were created, and so many records say that the VIM was told."""
        return len(self._created) >= count and len(self._delivered) >= count

    async def _version(self, resource: Resource) -> str:
        pages = self._client.pages(resource, fleet.NAMESPACE, page_size=1)
        async with aclosing(pages):
            async for page in pages:
                return page.resource_version
        return ""

    async def _watch(self, resource: Resource, note: Callable[[str, JsonObject, int], None], version: str) -> None:
        lines = self._client.watch_batches(
            resource, fleet.NAMESPACE, resource_version=version, timeout_seconds=WATCH_SECONDS
        )
        async with aclosing(lines):
            async for batch in lines:
                now = time.monotonic_ns()
                for line in batch:
                    event = orjson.loads(line)
                    if event["type"] != "BOOKMARK":
                        self._events[resource.plural] += 1
                        self._bytes[resource.plural] += len(line)
                        note(event["type"], event["object"], now)
                self._changed.set()
        raise LabFailed(f"the watch of {resource.plural} ended")

    def _vmi(self, kind: str, vmi: JsonObject, now: int) -> None:
        if kind == "ADDED":
            self._created.setdefault(uid_of(vmi), now)
        elif phase_of(vmi) == "Failed":
            self._failed.setdefault(uid_of(vmi), now)

    def _incident(self, kind: str, incident: JsonObject, now: int) -> None:
        spec, name = incident["spec"], name_of(incident)
        if kind == "DELETED" or spec["fault"]["kind"] != "vm.failed":
            return
        self._writes[name] += 1
        self._recorded.setdefault(name, now)
        deliveries = (incident.get("status") or {}).get("deliveries") or []
        if any(item["notification"] == f"{name}.0" and item["state"] == "Delivered" for item in deliveries):
            self._delivered.setdefault(name, now)


async def main(kubeconfig: str) -> None:
    """Until standard input ends."""
    async with await KubeClient.connect(kubeconfig, user_agent="nfvi-ha-bench-observer") as client:
        await Observer(client).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
