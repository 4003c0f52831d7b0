"""A small asynchronous client: any kind, plain JSON objects, typed errors."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Self

from nfvi_ha.kube.errors import Gone
from nfvi_ha.kube.exchange import Call, send, stream
from nfvi_ha.kube.exchange import JsonObject as JsonObject
from nfvi_ha.kube.guard import Guard
from nfvi_ha.kube.resources import Resource
from nfvi_ha.kube.transport import Transport, open_transport

Query = Mapping[str, str | None]
Patch = JsonObject | list[JsonObject]
Body = Patch | None
Lines = list[bytes]

PAGE_SIZE: Final = 500
MAX_IN_FLIGHT: Final = 64
_JSON: Final = "application/json"
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_APPLY_PATCH: Final = "application/apply-patch+yaml"  # JSON is YAML


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list; all pages show the cluster at the same ``resource_version``."""

    items: list[JsonObject]
    resource_version: str


class KubeClient:
    """Talks to one API server. Use ``connect``; close it, or use it as an async context manager.

    Every method raises a subclass of ``KubeError``. ``guard`` is run directly before each mutating request is sent;
    what it raises comes out of the call, and nothing was sent then.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        field_manager: str,
        request_timeout_seconds: float,
        guard: Guard | None = None,
        slots: asyncio.Semaphore | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._transport = transport
        self._request_timeout_seconds = request_timeout_seconds
        self._slots = slots if slots is not None else asyncio.Semaphore(MAX_IN_FLIGHT)
        self._before = before
        self.field_manager = field_manager
        self.guard = guard

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | None = None,
        *,
        context: str | None = None,
        in_cluster: bool | None = None,
        user_agent: str = "nfvi-ha",
        request_timeout_seconds: float = 10.0,
    ) -> "KubeClient":
        """A client for the given kubeconfig, else $KUBECONFIG, the pod's service account, or ~/.kube/config.

        No request is made yet. ``user_agent`` is also the field manager of every write.

        Raises:
            KubeConfigError: no usable configuration.
        """
        transport = await open_transport(kubeconfig, context, in_cluster, user_agent, os.environ)
        return cls(transport, field_manager=user_agent, request_timeout_seconds=request_timeout_seconds)

    def lane(
        self,
        *,
        guard: Guard | None = None,
        urgent: bool = False,
        before: Callable[[], Awaitable[None]] | None = None,
        in_flight: int | None = None,
    ) -> "KubeClient":
        """The same connection pool with another guard.

        ``urgent`` requests do not queue behind the others (a Lease renewal must not wait for 500 creates). A request
        first waits for ``before`` (by default that of the lane it is made from), then until fewer than ``in_flight``
        of this lane are under way.
        Only the client from ``connect`` is to be closed.
        """
        own = MAX_IN_FLIGHT if urgent and in_flight is None else in_flight
        return KubeClient(
            self._transport,
            field_manager=self.field_manager,
            request_timeout_seconds=self._request_timeout_seconds,
            guard=guard,
            slots=self._slots if own is None else asyncio.Semaphore(own),
            before=before or self._before,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._transport.host

    async def get(self, res: Resource, name: str, namespace: str | None = None) -> JsonObject:
        """Read one object."""
        return await self._send("GET", res.path(namespace, name), {})

    async def get_path(self, path: str) -> JsonObject:
        """Read any path that answers a JSON object, e.g. "/version"."""
        return await self._send("GET", path, {})

    async def list(
        self, res: Resource, namespace: str | None = None, *, label_selector: str = "", field_selector: str = ""
    ) -> list[JsonObject]:
        """Read all objects, by pages of 500, each with its kind and apiVersion."""
        pages = partial(self.pages, res, namespace, label_selector=label_selector, field_selector=field_selector)
        try:
            items = [item async for page in pages() for item in page.items]
        except Gone:
            # The snapshot behind the continue token was compacted away: one big page cannot expire.
            items = [item async for page in pages(page_size=0) for item in page.items]
        for item in items:
            item.setdefault("kind", res.kind)
            item.setdefault("apiVersion", res.api_version)
        return items

    async def pages(
        self,
        res: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = PAGE_SIZE,
    ) -> AsyncGenerator[ListPage, None]:
        """Read all objects page by page (``page_size`` 0: in one page).

        Raises:
            Gone: the list took longer than the server keeps its snapshot; what came so far is to be thrown away.
        """
        query: dict[str, str | None] = {
            "labelSelector": label_selector or None,
            "fieldSelector": field_selector or None,
        }
        query["limit"] = str(page_size) if page_size else None
        while True:
            answer = await self._exchange(Call("GET", res.path(namespace), query, many=True))
            metadata = answer.get("metadata") or {}
            yield ListPage(answer.get("items") or [], str(metadata.get("resourceVersion") or ""))
            query["continue"] = metadata.get("continue") or None
            if query["continue"] is None:
                return

    async def create(
        self,
        res: Resource,
        body: JsonObject,
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Create an object (or POST to a subresource of ``name``, e.g. "token", "eviction", "binding")."""
        query = {"fieldManager": self.field_manager, "dryRun": "All" if dry_run else None}
        if subresource is None:
            body = {"apiVersion": res.api_version, "kind": res.kind, **body}
        return await self._send("POST", res.path(namespace, name, subresource), query, body)

    async def replace(
        self, res: Resource, body: JsonObject, namespace: str | None = None, *, subresource: str | None = None
    ) -> JsonObject:
        """Write a whole object; with a resourceVersion in it only if nobody wrote in between (else Conflict)."""
        path = res.path(namespace, body["metadata"]["name"], subresource)
        return await self._send("PUT", path, {"fieldManager": self.field_manager}, body)

    async def patch(
        self,
        res: Resource,
        name: str,
        patch: Patch,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> JsonObject:
        """Patch an object: a dict is a merge patch, a list of operations a JSON patch."""
        query = {"fieldManager": self.field_manager, "dryRun": "All" if dry_run else None}
        content_type = _JSON_PATCH if isinstance(patch, list) else _MERGE_PATCH
        return await self._send("PATCH", res.path(namespace, name, subresource), query, patch, content_type)

    async def apply(
        self, res: Resource, body: JsonObject, namespace: str | None = None, *, force: bool = True
    ) -> JsonObject:
        """Server-side apply: create it or make our fields so; ``force`` takes over fields of other managers."""
        body = {"apiVersion": res.api_version, "kind": res.kind, **body}
        name = body["metadata"]["name"]
        query = {"fieldManager": self.field_manager, "force": "true" if force else "false"}
        answer = await self._send("PATCH", res.path(namespace, name), query, body, _APPLY_PATCH)
        return answer or await self.get(res, name, namespace)

    async def delete(
        self,
        res: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        propagation: Literal["Foreground", "Background", "Orphan"] | None = None,
    ) -> None:
        """Ask for an object's deletion; with ``uid`` only of that incarnation (another one there: Conflict)."""
        body: JsonObject = {"kind": "DeleteOptions", "apiVersion": "v1"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {key: value for key, value in preconditions.items() if value is not None}:
            body["preconditions"] = preconditions
        if grace_seconds is not None:
            body["gracePeriodSeconds"] = grace_seconds
        if propagation is not None:
            body["propagationPolicy"] = propagation
        await self._send("DELETE", res.path(namespace, name), {}, body)

    async def watch_batches(
        self,
        res: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 290,
        idle_seconds: float = 75.0,
    ) -> AsyncGenerator[Lines, None]:
        """Watch from a resourceVersion: the raw lines, in batches as they come off the socket, until the server ends.

        Bookmarks are asked for. ERROR lines are handed out like any other.

        Raises:
            Gone: the server no longer has that resourceVersion.
            Unavailable: no connection, a broken one, or nothing at all within ``idle_seconds``.
        """
        query: Query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
            "labelSelector": label_selector or None,
            "fieldSelector": field_selector or None,
        }
        call = Call("GET", res.path(namespace), query)
        lines = stream(self._transport, call, open_seconds=self._request_timeout_seconds, idle_seconds=idle_seconds)
        async with aclosing(lines):
            async for batch in lines:
                yield batch

    async def _send(
        self, method: str, path: str, query: Query, body: Body = None, content_type: str = _JSON
    ) -> JsonObject:
        return await self._exchange(Call(method, path, query, body, content_type))

    async def _exchange(self, call: Call) -> JsonObject:
        if self._before is not None:
            await self._before()
        async with self._slots:
            return await send(self._transport, call, timeout_seconds=self._request_timeout_seconds, guard=self.guard)
