"""A copy of all objects of one kind, kept by list and watch, with a callback for every change.

List -> store -> watch from the list's resourceVersion -> on 410 list again and tell the difference, deletions
included. Every other failure ends in a wait and another try; only cancellation ends ``run``.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import orjson
from prometheus_client import CollectorRegistry

from nfvi_ha.kube.backoff import Backoff
from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.depth import loads
from nfvi_ha.kube.dispatcher import Change, Dispatcher
from nfvi_ha.kube.errors import Gone, KubeError, TooManyRequests, Unauthorized, error_from_status
from nfvi_ha.kube.informer_metrics import InformerMetrics
from nfvi_ha.kube.resources import Resource
from nfvi_ha.kube.store import Key, Store

T = TypeVar("T")

PRIORITY_NODES: Final = 10
PRIORITY_VMS: Final = 50
PRIORITY_DEFAULT: Final = 100
_LINES_PER_TURN: Final = 32
"""So many lines are read before other tasks get a turn: about 2 ms."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InformerSettings:
    """Times of an informer, in seconds."""

    page_size: int = 250
    """Objects per page of a list: a page of 5 kB objects is parsed in about 10 ms, during which the loop stands."""
    idle_seconds: float = 75.0
    """A watch that is silent for so long is given up; bookmarks come about every minute. (A dead connection is seen
    by TCP within 5 s, this is for a server that holds the connection and says nothing.)"""
    watch_seconds: int = 290
    """After so long the server ends a watch, and it is resumed; up to a fifth less, by chance, to spread the load."""
    proven_seconds: float = 5.0
    """A watch that lived so long without an event still counts as having worked."""
    first_backoff_seconds: float = 0.05
    max_backoff_seconds: float = 5.0
    max_unreachable_seconds: float = 1.0
    """Longest wait while no server answers at all: there is nobody to overrun, and its return must not be missed."""


class _ErrorLine(Exception):  # noqa: N818
    """The server sent an ERROR event on a watch that had begun with HTTP 200."""

    def __init__(self, error: KubeError) -> None:
        super().__init__(str(error))
        self.error = error


class Informer(Generic[T]):
    """Keeps ``objects`` current and calls ``on_change`` for each change, synchronously on the event loop.

    ``parse`` turns an object into what is kept of it; None (or an exception, which is logged) leaves the object
    out. ``objects`` may be ahead of ``on_change`` when the consumer is behind. Informers that share a
    ``dispatcher`` are served by ``priority``, the smallest first.
    """

    def __init__(
        self,
        client: KubeClient,
        resource: Resource,
        parse: Callable[[JsonObject], T | None],
        *,
        on_change: Callable[[Change[T]], None],
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        priority: int = PRIORITY_DEFAULT,
        dispatcher: Dispatcher | None = None,
        metrics: InformerMetrics | None = None,
        name: str | None = None,
        settings: InformerSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._resource = resource
        self._parse = parse
        self._on_change = on_change
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._settings = settings or InformerSettings()
        self._clock = clock
        self._rng = rng
        self._backoff = Backoff(
            rng,
            first_seconds=self._settings.first_backoff_seconds,
            max_seconds=self._settings.max_backoff_seconds,
        )
        self._store = Store[T]()
        self._lane = (dispatcher or Dispatcher(clock=clock)).lane(priority, self._deliver)
        self._version = ""
        self._relist_reason = "start"
        self._caught_up = False
        """Whether the wait for a list was spared since a watch last worked."""
        self._heard_at = clock()
        self.name = name or resource.plural
        self.synced = asyncio.Event()
        """Set once the first list was delivered."""
        self._metrics = (metrics or InformerMetrics(CollectorRegistry())).of(
            self.name, last_event_age=self.last_event_age, objects=lambda: float(len(self._store.views))
        )

    @property
    def objects(self) -> Mapping[str, T]:
        """All objects by uid, live and read-only."""
        return self._store.views

    def get_by_key(self, namespace: str, name: str) -> T | None:
        """The newest incarnation of that name (namespace "" for cluster-scoped kinds)."""
        return self._store.by_key(namespace, name)

    def last_event_age(self) -> float:
        """Seconds since anything was heard from the server: an event, a bookmark, or a list."""
        return self._clock() - self._heard_at

    async def wait_synced(self) -> None:
        """Wait until the first list was delivered."""
        await self.synced.wait()

    async def run(self) -> None:
        """List and watch for ever; ends only when it is cancelled."""
        while True:
            try:
                if not self._version:
                    await self._relist()
                proven = await self._watch()
                delay = 0.0 if proven else self._backoff.next_seconds()
            except _ErrorLine as line:
                delay = self._failed(line.error, relist=True)
            except KubeError as error:
                delay = self._failed(error, relist=_needs_list(error))
            except Exception:
                # A defect of ours must not end the watch of a kind for good: count it, say it, begin anew.
                _logger.exception("informer failed unexpectedly", extra={"informer": self.name})
                self._metrics.watch_error("Unexpected")
                self._version, self._relist_reason = "", "Unexpected"
                delay = self._backoff.next_seconds()
            await asyncio.sleep(delay)

    def _failed(self, error: KubeError, *, relist: bool) -> float:
        """Count a failure, decide where to go on, and return how long to wait, in seconds."""
        reason = f"HTTP{error.status}" if error.status else error.reason
        if isinstance(error, Gone) and not self._caught_up:
            # The server is back and works: the waits grew while it was away, and all that happened is yet to be seen.
            # Once only, for a server that always says so would be listed in a hot loop.
            self._caught_up = True
            self._backoff.reset()
        delay = self._backoff.next_seconds()
        if not error.status:
            delay = min(delay, self._settings.max_unreachable_seconds)
        if isinstance(error, TooManyRequests):
            delay = max(delay, min(error.retry_after_seconds, self._settings.max_backoff_seconds))
        self._metrics.watch_error(reason)
        _logger.warning(
            "watch failed",
            extra={"informer": self.name, "reason": reason, "error": str(error), "retry_seconds": round(delay, 3)},
        )
        if relist and self._version:
            self._version, self._relist_reason = "", reason
        return delay

    async def _relist(self) -> None:
        """Read all objects and tell the differences to what we had."""
        self._metrics.relist(self._relist_reason)
        try:
            found, version = await self._list(self._settings.page_size)
        except Gone:
            # Paging took longer than the server keeps its snapshot; one page cannot expire.
            found, version = await self._list(0)
        self._heard_at = now = self._clock()
        for uid in [uid for uid in self._store.views if uid not in found]:
            self._remove(uid, None, now, synthetic=True)
        for uid, (key, view) in found.items():
            if view is not None:
                self._put(uid, key, view, now, synthetic=True)
        self._version = version
        if not self.synced.is_set():
            self._lane.call_after(self._set_synced)

    async def _list(self, page_size: int) -> tuple[dict[str, tuple[Key, T | None]], str]:
        found: dict[str, tuple[Key, T | None]] = {}
        version = ""
        pages = self._client.pages(self._resource, self._namespace, **self._selectors, page_size=page_size)
        async with aclosing(pages):
            async for page in pages:
                for obj in page.items:
                    uid, key, _ = _identity(obj)
                    if uid:
                        # An unreadable object is there nevertheless: what we knew of it stays.
                        found[uid] = (key, self._parsed(obj))
                version = version or page.resource_version
        return found, version

    async def _watch(self) -> bool:
        """Follow the events from where we are until the server ends the stream; whether that was a working stream."""
        settings, began, proven = self._settings, self._clock(), False
        batches = self._client.watch_batches(
            self._resource,
            self._namespace,
            resource_version=self._version,
            timeout_seconds=max(1, round(settings.watch_seconds * (1 - self._rng() / 5))),
            idle_seconds=settings.idle_seconds,
            **self._selectors,
        )
        async with aclosing(batches):
            async for lines in batches:
                self._heard_at = now = self._clock()
                for number, line in enumerate(lines, 1):
                    if self._take(line, now) and not proven:
                        proven = True
                        self._proven()
                    if number % _LINES_PER_TURN == 0:
                        await asyncio.sleep(0)
        if self._clock() - began >= settings.proven_seconds:
            proven = True
            self._proven()
        return proven

    def _proven(self) -> None:
        """The watch works."""
        self._backoff.reset()
        self._caught_up = False

    def _take(self, line: bytes, now: float) -> bool:
        """Take in one line of a watch; whether it was one that an API server may send."""
        try:
            event = loads(line)
            kind, obj = event["type"], event["object"]
            uid, key, version = _identity(obj)
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
            # The stream is checked by TCP and TLS, so the same line would come again: leave it out.
            self._metrics.rejected("line")
            _logger.warning("line left out", extra={"informer": self.name, "line": line[:200].decode(errors="replace")})
            return False
        if kind == "ERROR":
            raise _ErrorLine(error_from_status(obj))
        if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
            self._metrics.rejected("type")
            return False
        self._metrics.event(kind)
        if kind != "BOOKMARK":
            self._change(kind, uid, key, obj, now)
        if version:
            self._version = version
        return True

    def _change(self, kind: str, uid: str, key: Key, obj: JsonObject, now: float) -> None:
        if not uid:
            self._metrics.rejected("identity")
            return
        view = self._parsed(obj)
        if kind == "DELETED":
            self._remove(uid, view, now, synthetic=False)
        elif view is not None:
            self._put(uid, key, view, now, synthetic=False)

    def _put(self, uid: str, key: Key, view: T, now: float, *, synthetic: bool) -> None:
        old = self._store.put(uid, key, view)
        if old is None:
            self._lane.put(uid, Change("ADDED", None, view, now, synthetic))
        elif old != view:
            self._lane.put(uid, Change("MODIFIED", old, view, now, synthetic))

    def _remove(self, uid: str, last: T | None, now: float, *, synthetic: bool) -> None:
        known = self._store.remove(uid)
        if known is not None:
            self._lane.put(uid, Change("DELETED", last if last is not None else known, None, now, synthetic))

    def _parsed(self, obj: JsonObject) -> T | None:
        try:
            view = self._parse(obj)
        except Exception:
            _logger.exception("object could not be parsed", extra={"informer": self.name})
            view = None
        if view is None:
            self._metrics.rejected("object")
        return view

    def _deliver(self, change: Change[T], since: float) -> None:
        self._metrics.delivered(self._clock() - since)
        try:
            self._on_change(change)
        except Exception:
            self._metrics.handler_error()
            _logger.exception("consumer of changes failed", extra={"informer": self.name, "type": change.type})

    def _set_synced(self) -> None:
        self._metrics.synced()
        self.synced.set()


def _needs_list(error: KubeError) -> bool:
    """Whether a failed request makes our resourceVersion doubtful, rather than the connection or the server's mood."""
    return not (error.status in (0, 429, 502, 503) or isinstance(error, Unauthorized))


def _identity(obj: Any) -> tuple[str, Key, str]:
    """The uid ("" if it has none), key and resourceVersion of an object."""
    metadata = obj.get("metadata") or {}
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    key = Key(str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    return (uid if isinstance(uid, str) else ""), key, (version if isinstance(version, str) else "")
