"""As much of an API server as Incidents need, with failures and crashes on demand."""

import copy
from collections.abc import Callable
from typing import Any

from nfvi_ha.kube.errors import AlreadyExists, Conflict, Forbidden, NotFound, Unavailable

Obj = dict[str, Any]
Key = tuple[str, str]


class Crash(BaseException):
    """The process ends here."""


class ApiServer:
    """Create, get, patch and delete of one kind, with versions, uids, finalizers and a status subresource."""

    def __init__(self) -> None:
        self.objects: dict[Key, Obj] = {}
        self.terminating: set[str] = set()
        self.calls: list[str] = []
        self.on_event: Callable[[str, Obj], None] = lambda type_, obj: None
        self.trouble: Callable[[str, bool], BaseException | None] = lambda call, done: None
        """Asked before and after each change; what it returns is raised."""
        self._version = 0

    async def create(self, _: object, body: Obj, namespace: str, *, dry_run: bool = False) -> Obj:
        self._begin("create")
        if namespace in self.terminating:
            raise Forbidden(403, "Forbidden", "the namespace is being terminated")
        key = (namespace, body["metadata"]["name"])
        if key in self.objects:
            raise AlreadyExists(409, "AlreadyExists", "there")
        obj = copy.deepcopy({name: part for name, part in body.items() if name != "status"})
        obj["metadata"] |= {"namespace": namespace, "uid": f"uid-{self._version + 1}"}
        return obj if dry_run else self._store("ADDED", key, obj)

    async def get(self, _: object, name: str, namespace: str) -> Obj:
        self.calls.append("get")
        return copy.deepcopy(self._found((namespace, name)))

    async def patch(self, _: object, name: str, patch: Obj, namespace: str, *, subresource: str | None = None) -> Obj:
        self._begin(f"patch {subresource or ''}".strip())
        key = (namespace, name)
        obj = copy.deepcopy(self._found(key))
        version = patch.get("metadata", {}).get("resourceVersion")
        if version not in (None, obj["metadata"]["resourceVersion"]):
            raise Conflict(409, "Conflict", "somebody wrote")
        if subresource == "status":
            merged = obj.get("status", {}) | copy.deepcopy(patch["status"])
            obj["status"] = {name: value for name, value in merged.items() if value is not None}
        else:
            for field in ("finalizers", "annotations"):
                if field in patch["metadata"]:
                    obj["metadata"][field] = patch["metadata"][field] or []
        return self._store("MODIFIED", key, obj)

    async def delete(self, _: object, name: str, namespace: str, *, uid: str | None = None, **__: object) -> None:
        self._begin("delete")
        key = (namespace, name)
        obj = copy.deepcopy(self._found(key))
        if uid not in (None, obj["metadata"]["uid"]):
            raise Conflict(409, "Conflict", "another one")
        obj["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
        self._store("MODIFIED", key, obj)

    def put(self, obj: Obj) -> None:
        """Anybody writes an object."""
        self._store("MODIFIED", (obj["metadata"]["namespace"], obj["metadata"]["name"]), copy.deepcopy(obj))

    def _found(self, key: Key) -> Obj:
        if key not in self.objects:
            raise NotFound(404, "NotFound", "gone")
        return self.objects[key]

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        if (trouble := self.trouble(call, False)) is not None:
            raise trouble

    def _store(self, type_: str, key: Key, obj: Obj) -> Obj:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)
        obj["metadata"].setdefault("uid", f"uid-{self._version}")
        if obj["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
            self.objects.pop(key, None)
            type_ = "DELETED"
        else:
            self.objects[key] = obj
        self.on_event(type_, copy.deepcopy(obj))
        if (trouble := self.trouble(self.calls[-1] if self.calls else "", True)) is not None:
            raise trouble
        return copy.deepcopy(obj)


def no_answer() -> Unavailable:
    return Unavailable(0, "NoAnswer", "the connection broke")
