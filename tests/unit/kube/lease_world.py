"""A simulated API server with one Lease, and a network that delays, loses, and delivers late, on virtual time."""

import asyncio
from random import Random
from typing import Any

from nfvi_ha.kube.errors import AlreadyExists, Conflict, NotFound
from nfvi_ha.kube.lease import UNCLAIMED
from nfvi_ha.kube.resources import Resource

Json = dict[str, Any]
DURATION = 3.0


class World:
    """The server's side. ``rough`` is how often a message is slow or lost, 0 to 1."""

    def __init__(self, seed: int, rough: float) -> None:
        self.random = Random(seed)
        self.rough = rough
        self.record: Json | None = None
        self._version = 0
        self.written_at = -1e9
        """When the record was last written or deleted, by the server's clock."""
        self.too_early: list[str] = []
        """Take-overs from a holder that had not been silent for the duration: each could make two leaders."""

    def delay(self) -> float | None:
        """How long a message travels, in seconds; None: it is lost. Long ones also stand for a sleeping process."""
        if self.random.random() >= self.rough:
            return self.random.uniform(0.001, 0.05)
        return None if self.random.random() < 0.3 else self.random.uniform(0.3, 8.0)

    def get(self) -> Json:
        if self.record is None:
            raise NotFound(404, "NotFound", "no lease")
        return self.record

    def create(self, body: Json) -> Json:
        if self.record is not None:
            raise AlreadyExists(409, "AlreadyExists", "there is one")
        return self._store(body)

    def replace(self, body: Json) -> Json:
        if self.record is None:
            raise NotFound(404, "NotFound", "no lease")
        if body["metadata"]["resourceVersion"] != self.record["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "changed meanwhile")
        return self._store(body)

    def delete(self) -> None:
        """Somebody deletes the Lease under its holder."""
        self.record = None
        self.written_at = asyncio.get_running_loop().time()

    def _store(self, body: Json) -> Json:
        now = asyncio.get_running_loop().time()
        new = body["spec"]["holderIdentity"]
        holder = self.record["spec"]["holderIdentity"] if self.record is not None else "deleted"
        if holder and new not in {"", UNCLAIMED} and holder != new and now - self.written_at < DURATION - 1e-9:
            self.too_early.append(f"from {holder} after {now - self.written_at:.3f} s")
        self.written_at = now
        self._version += 1
        self.record = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        return self.record


class WorldClient:
    """What an elector has in place of a ``KubeClient``. Giving up a request does not take it back."""

    def __init__(self, world: World) -> None:
        self._world = world

    def lane(self, **_: Any) -> "WorldClient":
        return self

    async def get(self, _res: Resource, _name: str, _namespace: str) -> Json:
        return await self._ask(self._world.get)

    async def create(self, _res: Resource, body: Json, _namespace: str) -> Json:
        return await self._ask(lambda: self._world.create(body))

    async def replace(self, _res: Resource, body: Json, _namespace: str) -> Json:
        return await self._ask(lambda: self._world.replace(body))

    async def _ask(self, what: Any) -> Json:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Json] = loop.create_future()

        def arrive() -> None:
            try:
                result, error = what(), None
            except Exception as caught:  # noqa: BLE001 - handed over
                result, error = None, caught
            back = self._world.delay()
            if back is not None:
                loop.call_later(back, deliver, result, error)

        def deliver(result: Json, error: Exception | None) -> None:
            if not answer.done():
                answer.set_exception(error) if error is not None else answer.set_result(result)

        there = self._world.delay()
        if there is not None:
            loop.call_later(there, arrive)
        return await answer
