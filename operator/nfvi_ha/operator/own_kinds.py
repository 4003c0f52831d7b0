"""Our own kinds' stores: fed by kopf's events, and mended by a list now and then.

kopf tells of no deletion that happened while its watch was broken for so long that it had to list anew (measured);
an object that went unseen would be cared for for ever. So the stores are compared with a list every half minute, and
once at the start, which also makes us ready before kopf has found its way.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from nfvi_ha.api.kind import KubeObject
from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.resources import HAPOLICIES, VIMENDPOINTS, VNFREPLICASETS, Resource
from nfvi_ha.operator.world import Entry, SetKey, World, endpoint_entry, policy_entry, set_entry

JsonObject = dict[str, Any]
Key = TypeVar("Key", bound=Hashable)
Model = TypeVar("Model", bound=KubeObject)
log = logging.getLogger(__name__)

RESYNC_SECONDS: Final = 30.0
UNWATCHED_SECONDS: Final = 2.0
"""While kopf does not watch (it starts, or one hostile object makes it crash), lists have to do."""
RETRY_SECONDS: Final = 0.5
REMEMBERED_DELETIONS: Final = 4096
"""A list that was under way while an object was deleted must not bring it back; uids are never used again."""


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Key, Model]):
    """One kind of ours: where it is listed, how an object is read, where it is kept, and who is told."""

    resource: Resource
    read: Callable[[JsonObject], Entry[Model] | None]
    store: dict[Key, Entry[Model]]
    key: Callable[[Entry[Model]], Key]
    on_change: Callable[[Key], None]


class OwnKinds:
    """Keeps ``world.sets``, ``world.endpoints`` and ``world.policies``. Feed methods may be called on any thread."""

    def __init__(
        self,
        world: World,
        client: KubeClient,
        *,
        on_set: Callable[[SetKey], None],
        on_endpoint: Callable[[str], None],
        on_policy: Callable[[str], None],
        watched: Callable[[], bool],
    ) -> None:
        self._client = client
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._versions: dict[str, int] = {}
        self._gone: deque[str] = deque(maxlen=REMEMBERED_DELETIONS)
        self._sets = _Kind(VNFREPLICASETS, set_entry, world.sets, lambda entry: (entry.namespace, entry.name), on_set)
        self._endpoints = _Kind(VIMENDPOINTS, endpoint_entry, world.endpoints, lambda entry: entry.name, on_endpoint)
        self._policies = _Kind(HAPOLICIES, policy_entry, world.policies, lambda entry: entry.name, on_policy)
        self.synced = asyncio.Event()

    def vnfreplicaset(self, event: Any) -> None:
        """A watch event of a VNFReplicaSet, from kopf's thread."""
        self._hand_over(self._sets, event)

    def vimendpoint(self, event: Any) -> None:
        """A watch event of a VIMEndpoint, from kopf's thread."""
        self._hand_over(self._endpoints, event)

    def hapolicy(self, event: Any) -> None:
        """A watch event of an HAPolicy, from kopf's thread."""
        self._hand_over(self._policies, event)

    def stopped(self) -> None:
        """Kopf has ended."""
        log.info("kopf stopped")

    async def run(self) -> None:
        """Compare the stores with a list, now and for ever."""
        while True:
            try:
                await self.resync()
            except KubeError as error:
                log.warning("own kinds not listed", extra={"error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.synced.set()
            await asyncio.sleep(RESYNC_SECONDS if self._watched() else UNWATCHED_SECONDS)

    async def resync(self) -> None:
        """List all kinds and take in what the events did not tell.

        Raises:
            KubeError: the API server could not be asked.
        """
        await self._list(self._sets)
        await self._list(self._endpoints)
        await self._list(self._policies)

    async def _list(self, kind: _Kind[Key, Model]) -> None:
        before = dict(kind.store)
        objects = await self._client.list(kind.resource)
        for obj in objects:
            self._put(kind, "LISTED", obj)
        listed = {obj["metadata"]["uid"] for obj in objects}
        # Only what was known before the list began: a younger object is rightly missing from it.
        for key, entry in before.items():
            if entry.uid not in listed and kind.store.get(key) is entry:
                self._remove(kind, entry)

    def _hand_over(self, kind: _Kind[Any, Any], event: Any) -> None:
        type_, obj = event["type"] or "LISTED", dict(event["object"])
        try:
            self._loop.call_soon_threadsafe(self._put, kind, type_, obj)
        except RuntimeError:
            log.debug("event after the end of the loop")

    def _put(self, kind: _Kind[Key, Model], type_: str, obj: JsonObject) -> None:
        entry = kind.read(obj)
        if entry is None or self._is_old(entry.uid, obj, type_):
            return
        if type_ == "DELETED":
            self._remove(kind, entry)
            return
        key = kind.key(entry)
        known = kind.store.get(key)
        problem = entry.model.status_problem if entry.model is not None else None
        if problem is not None:
            log.warning("status is built anew", extra={"object": entry.name, "detail": str(problem)})
        kind.store[key] = entry
        if known is None or known != entry:
            kind.on_change(key)

    def _remove(self, kind: _Kind[Key, Model], entry: Entry[Model]) -> None:
        self._gone.append(entry.uid)
        key = kind.key(entry)
        known = kind.store.get(key)
        if known is not None and known.uid == entry.uid:
            del kind.store[key]
            self._versions.pop(entry.uid, None)
        kind.on_change(key)

    def _is_old(self, uid: str, obj: JsonObject, kind: str) -> bool:
        """Events and lists come by two ways: never step back. (etcd's revisions are numbers and grow.)"""
        text = str(obj["metadata"].get("resourceVersion") or "")
        version = int(text) if text.isdigit() else None
        if kind == "DELETED":
            return False
        if uid in self._gone:
            return True
        if version is None:
            return False
        if version < self._versions.get(uid, 0):
            return True
        self._versions[uid] = version
        return False
