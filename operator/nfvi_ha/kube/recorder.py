"""Kubernetes Events about what we see and do: for people with kubectl, never a transport.

Emitting costs microseconds and never fails. What cannot be sent is dropped and counted: notifications and Incidents are
elsewhere, and nothing waits for an Event.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter

from nfvi_ha.kube.client import JsonObject, KubeClient
from nfvi_ha.kube.errors import Invalid, KubeError, NotFound, TooManyRequests, Unavailable
from nfvi_ha.kube.resources import EVENTS

EventType = Literal["Normal", "Warning"]

_MAX_NOTE: Final = 1000  # the server refuses more than 1024 bytes
_MAX_WORD: Final = 128
_TRIES: Final = 4
_OF_CLUSTER: Final = "default"
"""Events about cluster-scoped objects live there, as everybody's do."""
_OF_CLUSTER_BEFORE_1_21: Final = "kube-system"
"""An older server (seen: 1.20.2) takes those of events.k8s.io nowhere else; kubectl describe finds them there, too."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """Bounds of a recorder."""

    queue_size: int = 1000
    series_seconds: float = 360.0
    """The same Event within so long after the last one counts up, instead of being another one."""
    series_size: int = 4096
    """So many series are remembered, and so many objects' rates."""
    burst: int = 25
    """New Events per object at once; then one per ``refill_seconds``."""
    refill_seconds: float = 10.0


class RecorderMetrics:
    """What the recorder tells Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("nfvi_ha_events_sent_total", "Kubernetes Events written.", registry=registry)
        self.dropped = Counter(
            "nfvi_ha_events_dropped_total", "Kubernetes Events not written.", ["reason"], registry=registry
        )


@dataclass(slots=True)
class _Series:
    """One Event and its repetitions."""

    body: JsonObject
    count: int
    last_at: float
    last_time: str
    queued: bool = True
    created: bool = False


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class EventRecorder:
    """Queues Events and writes them by ``run``.

    ``component`` is the reporting controller (a qualified name such as "nfvi-ha.io/operator"), ``instance`` this
    replica. The same (object, reason, note) counts up one Event's series.
    """

    def __init__(
        self,
        client: KubeClient,
        component: str,
        instance: str,
        *,
        settings: RecorderSettings | None = None,
        metrics: RecorderMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:16],
    ) -> None:
        self._client = client.lane()
        self._component = component
        self._instance = instance[:_MAX_WORD]
        self._settings = settings or RecorderSettings()
        self._metrics = metrics or RecorderMetrics(CollectorRegistry())
        self._clock = clock
        self._utc_now = utc_now
        self._new_id = new_id
        self._queue: asyncio.Queue[_Series] = asyncio.Queue(self._settings.queue_size)
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def emit(
        self,
        regarding: JsonObject,
        type: EventType,  # noqa: A002 - the API's word
        reason: str,
        note: str,
        action: str,
        related: JsonObject | None = None,
    ) -> None:
        """Queue an Event about the object that ``regarding`` refers to; never blocks, never raises.

        ``regarding`` and ``related`` are ObjectReferences (apiVersion, kind, namespace, name, uid).
        """
        now, stamp = self._clock(), self._utc_now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        who = f"{regarding.get('uid') or ''}/{regarding.get('namespace') or ''}/{regarding.get('name') or ''}"
        key = (who, type, reason, note)
        series = self._series.get(key)
        if series is not None and now - series.last_at <= self._settings.series_seconds:
            series.count, series.last_at, series.last_time = series.count + 1, now, stamp
            if series.queued:
                return  # the one in the queue carries the count
        elif self._allowed(who, now):
            body = self._body(regarding, type, reason, note, action, related, stamp)
            series = _Series(body, 1, now, stamp)
            self._remember(key, series)
        else:
            self._metrics.dropped.labels("rate").inc()
            return
        try:
            self._queue.put_nowait(series)
            series.queued = True
        except asyncio.QueueFull:
            series.queued = False
            if not series.created:
                self._series.pop(key, None)
            self._metrics.dropped.labels("queue").inc()

    async def run(self) -> None:
        """Write what is queued, for ever; ends only when it is cancelled."""
        while True:
            series = await self._queue.get()
            await self._write(series)
            self._queue.task_done()

    async def flush(self, grace_seconds: float) -> None:
        """Wait until the queue was written, at most so long (``run`` must be running)."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._queue.join()
        except TimeoutError:
            _logger.info("events left unsent", extra={"count": self._queue.qsize()})

    async def _write(self, series: _Series) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                await self._write_once(series)
            except (Unavailable, TooManyRequests) as error:
                reason = error.reason
                if attempt < _TRIES:
                    await asyncio.sleep(0.2 * 2**attempt)
            except KubeError as error:
                reason = f"HTTP{error.status}"
                _logger.info("event refused", extra={"reason": series.body["reason"], "error": str(error)})
                break
            else:
                self._metrics.sent.inc()
                return
        series.queued = False
        self._metrics.dropped.labels(reason).inc()

    async def _write_once(self, series: _Series) -> None:
        series.queued = False  # from here on a repetition queues itself again
        body, namespace = series.body, series.body["metadata"]["namespace"]
        if series.count > 1:
            body = {**body, "series": {"count": series.count, "lastObservedTime": series.last_time}}
        if series.created:
            # Events expire after an hour and may be deleted: then begin again.
            with contextlib.suppress(NotFound):
                patch = {"series": body["series"]}
                await self._client.patch(EVENTS, body["metadata"]["name"], patch, namespace)
                return
        try:
            await self._client.create(EVENTS, body, namespace)
        except Invalid:
            if namespace != _OF_CLUSTER:
                raise
            body["metadata"]["namespace"] = _OF_CLUSTER_BEFORE_1_21
            await self._client.create(EVENTS, body, _OF_CLUSTER_BEFORE_1_21)
        series.created = True

    def _body(
        self,
        regarding: JsonObject,
        kind: str,
        reason: str,
        note: str,
        action: str,
        related: JsonObject | None,
        stamp: str,
    ) -> JsonObject:
        body: JsonObject = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": f"{str(regarding.get('name') or 'unknown')[:200]}.{self._new_id()}",
                "namespace": regarding.get("namespace") or _OF_CLUSTER,
            },
            "eventTime": stamp,
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "type": kind,
            "reason": reason[:_MAX_WORD],
            "action": action[:_MAX_WORD],
            "note": note.encode()[:_MAX_NOTE].decode(errors="ignore"),
            "regarding": regarding,
        }
        return body if related is None else {**body, "related": related}

    def _remember(self, key: tuple[str, ...], series: _Series) -> None:
        self._series[key] = series
        self._series.move_to_end(key)
        while len(self._series) > self._settings.series_size:
            self._series.popitem(last=False)

    def _allowed(self, who: str, now: float) -> bool:
        """A token bucket per object: one flapping object must not fill etcd or hide the others."""
        settings = self._settings
        bucket = self._buckets.setdefault(who, _Bucket(settings.burst, now))
        bucket.tokens = min(settings.burst, bucket.tokens + (now - bucket.at) / settings.refill_seconds)
        bucket.at = now
        self._buckets.move_to_end(who)
        while len(self._buckets) > settings.series_size:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
