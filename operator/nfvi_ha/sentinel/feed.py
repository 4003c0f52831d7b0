"""The feed: configuration, roster and records, told by the scribe or read from its cache file.

The hot process has no Kubernetes client. What it knows of the cluster comes in as entries, by key; an entry that is
bad is refused by itself, its last good value stands, and the rest is used (invariant 6).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfvi_ha.reporting.endpoint import Endpoint
from nfvi_ha.sentinel.entries import BadEntry, ConfigEntry, Entry, NodeEntry, SeatEntry, VmEntry, parse
from nfvi_ha.sentinel.scribe.lines import BadLine, Drop, FeedKind, FeedLine, Put, Synced, decode, read_cache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Change:
    """What an entry changed. ``entry`` is None where it is gone."""

    kind: FeedKind
    key: str
    entry: Entry | None


class Feed:
    """Everything told, as it stands now.

    Args:
        on_change: told of every entry that was taken in, once it stands here.
        on_refused: told of every entry that was not, with kind and reason (both metric labels).
    """

    def __init__(
        self, on_change: Callable[[Change], None], on_refused: Callable[[str, str], None] = lambda kind, reason: None
    ) -> None:
        self._on_change = on_change
        self._on_refused = on_refused
        self._said: dict[tuple[FeedKind, str], Entry] = {}
        self._refused: dict[tuple[FeedKind, str], str] = {}
        self.config: ConfigEntry | None = None
        self.nodes: dict[str, NodeEntry] = {}
        self.vms: dict[str, VmEntry] = {}
        self.seats: dict[int, SeatEntry] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.suspended: set[str] = set()
        """Endpoints that exist and cannot be used: what is pending there is kept."""
        self.synced = False
        """The scribe has told everything at least once since this process started."""
        self._fresh: set[tuple[FeedKind, str]] = set()
        """Told since the scribe began to tell all: what is not among them when it has ended is gone."""

    def begin(self) -> None:
        """A scribe starts to tell everything anew."""
        self._fresh.clear()
        self.synced = False

    def line(self, data: bytes) -> None:
        """Take one line of the scribe's."""
        try:
            self.take(decode(data))
        except BadLine as bad:
            self._refuse_line(bad)

    def load(self, cache: Path) -> None:
        """Take what an earlier scribe left in its cache file; none is no error, a damaged one counts up to there.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            for line in read_cache(cache):
                if not isinstance(line, Synced):
                    self.take(line)
        except BadLine as bad:
            self._refuse_line(bad)
        log.info("cache read", extra={"nodes": len(self.nodes), "vms": len(self.vms), "endpoints": len(self.endpoints)})

    def take(self, line: FeedLine) -> None:
        """Take one line: a put, a drop, or the word that all is told."""
        match line:
            case Put(kind, key, value):
                self._put(kind, key, value)
            case Drop(kind, key):
                self._refused.pop((kind, key), None)
                if kind is FeedKind.ENDPOINT:
                    self.suspended.discard(key)
                self._set(kind, key, None)
            case Synced():
                self._all_told()

    def _put(self, kind: FeedKind, key: str, value: dict[str, object]) -> None:
        self._fresh.add((kind, key))
        try:
            entry = parse(kind, key, value)
        except BadEntry as bad:
            self._refuse(kind, key, bad)
            return
        self._refused.pop((kind, key), None)
        if self._said.get((kind, key)) != entry:
            self._set(kind, key, entry)

    def _set(self, kind: FeedKind, key: str, entry: Entry | None) -> None:
        if entry is None:
            self._said.pop((kind, key), None)
        elif kind is not FeedKind.WRITTEN:
            self._said[kind, key] = entry
        match kind:
            case FeedKind.CONFIG:
                # A config that is gone is a mistake, or the end; keys are not forgotten for it.
                self.config = entry if isinstance(entry, ConfigEntry) else self.config
            case FeedKind.NODE:
                _replace(self.nodes, key, entry)
            case FeedKind.VM:
                _replace(self.vms, key, entry)
            case FeedKind.SEAT:
                _replace(self.seats, int(key) if key.isdecimal() else -1, entry)
            case FeedKind.ENDPOINT:
                self.suspended.discard(key)
                _replace(self.endpoints, key, entry)
        self._on_change(Change(kind, key, entry))

    def _refuse(self, kind: FeedKind, key: str, bad: BadEntry) -> None:
        self._on_refused(kind.value, bad.reason)
        if kind is FeedKind.ENDPOINT:
            # Its last good value may be what was wrong with it: nothing is sent, and nothing that waits is lost.
            self.suspended.add(key)
            self._said.pop((kind, key), None)
            self.endpoints.pop(key, None)
            self._on_change(Change(kind, key, None))
        if self._refused.get((kind, key)) != str(bad):
            self._refused[kind, key] = str(bad)
            log.warning("entry of the feed refused", extra={"kind": kind.value, "key": key, "reason": str(bad)})

    def _refuse_line(self, bad: BadLine) -> None:
        self._on_refused("", type(bad).__name__)
        log.warning("line of the feed refused", extra={"reason": str(bad)})

    def _all_told(self) -> None:
        if not self.synced:
            for kind, key in [said for said in self._said if said not in self._fresh]:
                self._set(kind, key, None)
            self.suspended = {name for name in self.suspended if (FeedKind.ENDPOINT, name) in self._fresh}
            log.info("feed is complete", extra={"nodes": len(self.nodes), "vms": len(self.vms)})
        self.synced = True


def _replace(entries: dict[Any, Any], key: object, entry: Entry | None) -> None:
    if entry is None:
        entries.pop(key, None)
    else:
        entries[key] = entry
