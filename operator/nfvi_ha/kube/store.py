"""What an informer knows: the views of all objects of a kind, by uid and by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Key(NamedTuple):
    """Namespace ("" for cluster-scoped kinds) and name."""

    namespace: str
    name: str


class Store(Generic[T]):
    """Views by uid; a name finds its newest incarnation."""

    def __init__(self) -> None:
        self._views: dict[str, T] = {}
        self._keys: dict[str, Key] = {}
        self._uids: dict[Key, str] = {}
        self.views: Mapping[str, T] = MappingProxyType(self._views)
        """Live and read-only."""

    def get(self, uid: str) -> T | None:
        """The view of that incarnation."""
        return self._views.get(uid)

    def by_key(self, namespace: str, name: str) -> T | None:
        """The view of the newest incarnation of that name."""
        uid = self._uids.get(Key(namespace, name))
        return None if uid is None else self._views.get(uid)

    def put(self, uid: str, key: Key, view: T) -> T | None:
        """Store a view and return the one it replaces."""
        old = self._views.get(uid)
        self._views[uid] = view
        if old is None:
            self._keys[uid] = key
        self._uids[key] = uid
        return old

    def remove(self, uid: str) -> T | None:
        """Forget an incarnation and return its last view; a newer one of the same name stays."""
        view = self._views.pop(uid, None)
        key = self._keys.pop(uid, None)
        if key is not None and self._uids.get(key) == uid:
            del self._uids[key]
        return view
