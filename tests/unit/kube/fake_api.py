"""A small API server that does what a test tells it: objects, watches, and every way a watch can go wrong.

Any collection works. It keeps resourceVersions, preconditions and the watch history like the real one; everything
else (validation, defaults, managed fields) it leaves out.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

Json = dict[str, Any]
Hook = Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]
_PATH = re.compile(
    r"^(?:/api/v1|/apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<ns>[^/]+))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?$"
)


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def status(code: int, reason: str, message: str = "") -> Json:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


def refuse(code: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(status(code, reason), status=code, headers=headers)


class FakeApi:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._objects: dict[tuple[str, str, str], Json] = {}
        self._history: list[tuple[int, str, bytes]] = []
        self._changed = asyncio.Condition()
        self._streams: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.rv = 100
        self.compacted = 0
        self.requests: list[Seen] = []
        self.hook: Hook | None = None
        self.silent_watches = False
        self.close_watches_at_once = False
        self.dumps: Callable[[Any], bytes] = orjson.dumps

    # --- life
    async def start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        for task in list(self._streams):
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def kubeconfig(self) -> str:
        return self.kubeconfig_with({"token": "t0"})

    def kubeconfig_with(self, user: Json) -> str:
        path = self._directory / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
            "users": [{"name": "fake", "user": user}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path.write_bytes(orjson.dumps(config))
        return str(path)

    # --- what the test makes happen
    async def put(self, plural: str, name: str, *, uid: str | None = None, ns: str = "default", **fields: Any) -> Json:
        """Create or change an object, as somebody else would."""
        key = (plural, ns, name)
        self.rv += 1
        old = self._objects.get(key)
        metadata = {"name": name, "namespace": ns, "uid": uid or f"uid-{name}", "resourceVersion": str(self.rv)}
        obj = {"kind": "Thing", "apiVersion": "v1", "metadata": metadata, **fields}
        self._objects[key] = obj
        await self._record("ADDED" if old is None else "MODIFIED", plural, obj)
        return obj

    async def remove(self, plural: str, name: str, *, ns: str = "default") -> None:
        self.rv += 1
        obj = self._objects.pop((plural, ns, name))
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.rv)}}
        await self._record("DELETED", plural, obj)

    async def line(self, plural: str, raw: bytes) -> None:
        """Send any bytes to all who watch."""
        self.rv += 1
        async with self._changed:
            self._history.append((self.rv, plural, raw))
            self._changed.notify_all()

    async def error_line(self, plural: str, code: int, reason: str) -> None:
        await self.line(plural, orjson.dumps({"type": "ERROR", "object": status(code, reason)}))

    async def bookmark(self, plural: str) -> None:
        self.rv += 1
        obj = {"kind": "Thing", "metadata": {"resourceVersion": str(self.rv)}}
        await self._record("BOOKMARK", plural, obj)

    def compact(self) -> None:
        """Forget the history: a watch from an earlier resourceVersion gets a 410."""
        self.compacted = self.rv
        self._history.clear()

    def close_watches(self) -> None:
        for task in list(self._streams):
            task.cancel()

    def count(self, method: str, *, watch: bool | None = None, plural: str = "") -> int:
        return sum(
            seen.method == method and (watch is None or watch == ("watch" in seen.query)) and seen.path.endswith(plural)
            for seen in self.requests
        )

    def object(self, plural: str, name: str, ns: str = "default") -> Json | None:
        return self._objects.get((plural, ns, name))

    # --- serving
    async def _record(self, kind: str, plural: str, obj: Json) -> None:
        async with self._changed:
            self._history.append(
                (int(obj["metadata"]["resourceVersion"]), plural, self.dumps({"type": kind, "object": obj}))
            )
            self._changed.notify_all()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = orjson.loads(raw) if raw else None
        self.requests.append(Seen(request.method, request.path, dict(request.query), body, dict(request.headers)))
        if self.hook is not None:
            answer = await self.hook(request, raw)
            if answer is not None:
                return answer
        match = _PATH.match(request.path)
        assert match is not None, request.path
        plural, ns, name = match["plural"], match["ns"] or "", match["name"]
        if name is None and request.method == "GET":
            return await (self._watch(request, plural) if "watch" in request.query else self._list(request, plural, ns))
        if request.method == "POST":
            return await self._create(plural, ns, body)
        return await self._one(request.method, plural, ns, name, body)

    async def _list(self, request: web.Request, plural: str, ns: str) -> web.StreamResponse:
        items = [o for (p, n, _), o in sorted(self._objects.items()) if p == plural and ns in ("", n)]
        start = int(request.query.get("continue", "0"))
        limit = int(request.query.get("limit", "0")) or len(items) + 1
        metadata: Json = {"resourceVersion": str(self.rv)}
        if start + limit < len(items):
            metadata["continue"] = str(start + limit)
        answer = {"kind": "ThingList", "metadata": metadata, "items": items[start : start + limit]}
        return web.Response(body=self.dumps(answer), content_type="application/json")

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        last = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        if last < self.compacted:
            await response.write(orjson.dumps({"type": "ERROR", "object": status(410, "Expired")}) + b"\n")
            return response
        if self.close_watches_at_once:
            return response
        self._streams.add(task := asyncio.ensure_future(self._follow(response, plural, last)))
        try:
            await task
        except asyncio.CancelledError:
            pass
        finally:
            task.cancel()
            self._streams.discard(task)
        return response

    async def _follow(self, response: web.StreamResponse, plural: str, last: int) -> None:
        while True:
            async with self._changed:
                news = [(rv, line) for rv, of, line in self._history if rv > last and of == plural]
                if not news or self.silent_watches:
                    await self._changed.wait()
                    continue
            last = news[-1][0]
            await response.write(b"".join(line + b"\n" for _, line in news))

    async def _create(self, plural: str, ns: str, body: Json) -> web.StreamResponse:
        name = body["metadata"]["name"]
        if (plural, ns, name) in self._objects:
            return refuse(409, "AlreadyExists")
        fields = {key: value for key, value in body.items() if key != "metadata"}
        obj = await self.put(plural, name, ns=ns, uid=f"uid-{name}-{self.rv}", **fields)
        obj["metadata"] = {**body["metadata"], **obj["metadata"]}
        return web.json_response(obj, status=201)

    async def _one(self, method: str, plural: str, ns: str, name: str, body: Any) -> web.StreamResponse:
        old = self._objects.get((plural, ns, name))
        if old is None:
            return refuse(404, "NotFound")
        if method == "GET":
            return web.json_response(old)
        if method == "DELETE":
            wanted = (body.get("preconditions") or {}).get("uid")
            if wanted not in (None, old["metadata"]["uid"]):
                return refuse(409, "Conflict")
            await self.remove(plural, name, ns=ns)
            return web.json_response({"kind": "Status", "status": "Success"})
        metadata = body.get("metadata") or {} if isinstance(body, dict) else {}
        if metadata.get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            return refuse(409, "Conflict")
        merged = body if method == "PUT" else {**old, **(body if isinstance(body, dict) else {})}
        fields = {key: value for key, value in merged.items() if key != "metadata"}
        new = await self.put(plural, name, ns=ns, uid=old["metadata"]["uid"], **fields)
        new["metadata"] = {**old["metadata"], **new["metadata"]}
        return web.json_response(new)
