"""Our own kinds' stores: fed by kopf's events, and mended by a list now and then.

kopf tells of no deletion that happened while its watch was broken for so long that it had to list anew (measured);
an object that went unseen would be cared for for ever. So the stores are compared with a list every half minute, and
once at the start, which also makes us ready before kopf has found its way.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError
from nfvi_ha.kube.resources import VIMENDPOINTS, VNFREPLICASETS
from nfvi_ha.operator.world import EndpointEntry, SetEntry, SetKey, World, endpoint_entry, set_entry

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)

RESYNC_SECONDS: Final = 30.0
UNWATCHED_SECONDS: Final = 2.0
"""While kopf does not watch (it starts, or one hostile object makes it crash), lists have to do."""
RETRY_SECONDS: Final = 0.5
REMEMBERED_DELETIONS: Final = 4096
"""A list that was under way while an object was deleted must not bring it back; uids are never used again."""


class OwnKinds:
    """Keeps ``world.sets`` and ``world.endpoints``. The feed methods may be called on any thread."""

    def __init__(
        self,
        world: World,
        client: KubeClient,
        *,
        on_set: Callable[[SetKey], None],
        on_endpoint: Callable[[str], None],
        watched: Callable[[], bool],
    ) -> None:
        self._world = world
        self._client = client
        self._on_set = on_set
        self._on_endpoint = on_endpoint
        self._watched = watched
        self._loop = asyncio.get_running_loop()
        self._versions: dict[str, int] = {}
        self._gone: deque[str] = deque(maxlen=REMEMBERED_DELETIONS)
        self.synced = asyncio.Event()

    def vnfreplicaset(self, event: Any) -> None:
        """A watch event of a VNFReplicaSet, from kopf's thread."""
        self._hand_over(self._put_set, event)

    def vimendpoint(self, event: Any) -> None:
        """A watch event of a VIMEndpoint, from kopf's thread."""
        self._hand_over(self._put_endpoint, event)

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
        """List both kinds and take in what the events did not tell.

        Raises:
            KubeError: the API server could not be asked.
        """
        before = dict(self._world.sets), dict(self._world.endpoints)
        sets = await self._client.list(VNFREPLICASETS)
        endpoints = await self._client.list(VIMENDPOINTS)
        listed = {obj["metadata"]["uid"] for obj in (*sets, *endpoints)}
        for obj in sets:
            self._put_set("LISTED", obj)
        for obj in endpoints:
            self._put_endpoint("LISTED", obj)
        # Only what was known before the list began: a younger object is rightly missing from it.
        for key, entry in before[0].items():
            if entry.uid not in listed and self._world.sets.get(key) is entry:
                self._remove_set(key, entry)
        for name, known in before[1].items():
            if known.uid not in listed and self._world.endpoints.get(name) is known:
                self._remove_endpoint(name, known)

    def _hand_over(self, put: Callable[[str, JsonObject], None], event: Any) -> None:
        kind, obj = event["type"] or "LISTED", dict(event["object"])
        try:
            self._loop.call_soon_threadsafe(put, kind, obj)
        except RuntimeError:
            log.debug("event after the end of the loop")

    def _put_set(self, kind: str, obj: JsonObject) -> None:
        entry = set_entry(obj)
        if entry is None or self._is_old(entry.uid, obj, kind):
            return
        key = (entry.namespace, entry.name)
        if kind == "DELETED":
            self._remove_set(key, entry)
            return
        known = self._world.sets.get(key)
        self._world.sets[key] = entry
        if known is None or known != entry:
            self._on_set(key)

    def _put_endpoint(self, kind: str, obj: JsonObject) -> None:
        entry = endpoint_entry(obj)
        if entry is None or self._is_old(entry.uid, obj, kind):
            return
        if kind == "DELETED":
            self._remove_endpoint(entry.name, entry)
            return
        known = self._world.endpoints.get(entry.name)
        if entry.model is not None and entry.model.status_problem is not None:
            log.warning("status is built anew", extra={"object": entry.name, "detail": str(entry.model.status_problem)})
        self._world.endpoints[entry.name] = entry
        if known is None or known != entry:
            self._on_endpoint(entry.name)

    def _remove_set(self, key: SetKey, entry: SetEntry) -> None:
        self._gone.append(entry.uid)
        known = self._world.sets.get(key)
        if known is not None and known.uid == entry.uid:
            del self._world.sets[key]
            self._versions.pop(entry.uid, None)
        self._on_set(key)

    def _remove_endpoint(self, name: str, entry: EndpointEntry) -> None:
        self._gone.append(entry.uid)
        known = self._world.endpoints.get(name)
        if known is not None and known.uid == entry.uid:
            del self._world.endpoints[name]
            self._versions.pop(entry.uid, None)
        self._on_endpoint(name)

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
