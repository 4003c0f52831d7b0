"""What the hot process is to know: the whole of it, and what of it was not said yet.

Coalesced per key: a node that changes ten times while the hot process reads nothing is told once, as it is then.
"""

from collections.abc import Callable, Iterator

import orjson

from nfvi_ha.sentinel.scribe.lines import Drop, FeedKind, JsonObject, Put, Synced, encode

Key = tuple[FeedKind, str]


class Feed:
    """State by kind and key, encoded; ``on_change`` is called when there is something to say."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._lines: dict[Key, bytes] = {}
        self._unsaid: dict[Key, bytes | None] = {}
        """None: dropped. In the order in which they were first changed."""
        self._answers: list[bytes] = []
        self._synced = False
        self._said_synced = False
        self.version = 0
        """Counts changes of the state."""

    @property
    def synced(self) -> bool:
        """Whether all was put once."""
        return self._synced

    def put(self, kind: FeedKind, key: str, value: JsonObject) -> bool:
        """Something is so; whether that is new."""
        line = encode(Put(kind, key, value))
        if self._lines.get((kind, key)) == line:
            return False
        self._lines[kind, key] = line
        self._change((kind, key), line)
        return True

    def drop(self, kind: FeedKind, key: str) -> bool:
        """Something is gone; whether it was there."""
        if self._lines.pop((kind, key), None) is None:
            return False
        self._change((kind, key), None)
        return True

    def answer(self, key: str, value: JsonObject) -> None:
        """Tell that something was written: said once, and part of no state."""
        self._answers.append(encode(Put(FeedKind.WRITTEN, key, value)))
        self._on_change()

    def keys(self, kind: FeedKind) -> list[str]:
        """All keys of a kind that are there."""
        return [key for of, key in self._lines if of is kind]

    def value(self, kind: FeedKind, key: str) -> JsonObject | None:
        """What was put, or None."""
        line = self._lines.get((kind, key))
        if line is None:
            return None
        value: JsonObject = orjson.loads(line)["value"]
        return value

    def set_synced(self) -> None:
        """All was put once: from here on the receiver is told of changes as they come."""
        self._synced = True
        self._on_change()

    def take(self, most: int = 256) -> list[bytes]:
        """The next lines to send, at most so many; none before all was put once, except answers."""
        batch, self._answers = self._answers, []
        if not self._synced:
            return batch
        keys = list(self._unsaid)[: max(most - len(batch), 1)] if self._unsaid else []
        for key in keys:
            line = self._unsaid.pop(key)
            batch.append(encode(Drop(*key)) if line is None else line)
        if not self._unsaid and not self._said_synced:
            self._said_synced = True
            batch.append(encode(Synced()))
        return batch

    def snapshot(self) -> Iterator[bytes]:
        """All that is so now, for the cache, ``synced`` last."""
        yield from tuple(self._lines.values())
        yield encode(Synced())

    def _change(self, key: Key, line: bytes | None) -> None:
        self.version += 1
        self._unsaid[key] = line
        self._on_change()
