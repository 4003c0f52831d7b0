"""Who may send: the nodes of the roster and the other seats, with their keys and what was heard from them last."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.core.wire.beat import COUNTERS, MIN_BODY_BYTES, Beat, Flags
from nfvi_ha.core.wire.frame import HEADER, HEADER_BYTES, MAGIC, TAG_BYTES, VERSION, FrameKind
from nfvi_ha.core.wire.keys import node_key
from nfvi_ha.core.wire.nonces import SEATS, Nonces
from nfvi_ha.core.wire.replay import Freshness, Window

INVENTORY_STREAM: Final = 256
GOODBYE_STREAM: Final = 257
"""Beside those of beats, which are the indices of networks (8 bits)."""
LIVES_KEPT: Final = 4
ANSWER_SECONDS: Final = 1.0
"""So often a node is answered on each network."""
LEARNING_SECONDS: Final = 0.05
"""At most so often a beat without our nonce is answered on each network of a node."""

Place = tuple[Any, ...]
"""A socket address as the system gives it: IP address, UDP port, and for IPv6 two more."""


@dataclass(slots=True)
class Stream:
    """Beats of one node over one network: as long as their state does not change, only counters are looked at."""

    size: int
    """Of the datagram; 0 when the next one must be looked at in full."""
    state: bytes
    """Everything in the last one behind the counters, without the tag."""
    place: Place
    port: object
    """Where it came in."""
    beat: Beat
    """The last one that was decoded; its counters are older than ``state``."""
    real_time: bool
    self_slow: bool
    answer_at: float
    """Monotonic, when the next answer is due."""


@dataclass(slots=True)
class Source:
    """One node."""

    node: str
    window: Window = field(default_factory=Window)
    unproven: Window = field(default_factory=Window)
    """Of beats without our nonce: the newest of them is answered, never an older one again and again."""
    streams: dict[int, Stream] = field(default_factory=dict)
    told: tuple[object, ...] | None = None
    """State of the last beat that was told in full."""
    learning_at: dict[int, float] = field(default_factory=dict)
    """By network: when the next beat without our nonce may be answered."""
    stale_at: float = 0.0
    """When the next stale beat may be answered."""

    def judge(
        self, boot: str, incarnation: int, stream: int, sequence: int, *, proven: bool, repeats: bool = False
    ) -> Freshness:
        """Judge a frame; when it begins a new incarnation, nothing of the old one counts any more."""
        before = self.window.incarnation
        found = self.window.judge(boot, incarnation, stream, sequence, proven=proven, repeats=repeats)
        if self.window.incarnation != before:
            self.streams.clear()
            self.told = None
        return found

    def learns(self, fresh: Freshness, beat: Beat, now: float) -> bool:
        """Whether to answer a beat that is worth nothing yet, so that the next ones are.

        Of those without our nonce the newest gets its answer, so copies of old ones cannot use up what is the node's.
        """
        if fresh is Freshness.UNPROVEN:
            if now < self.learning_at.get(beat.network, 0.0):
                return False
            fresh = self.unproven.judge(beat.boot_id, beat.incarnation, beat.network, beat.sequence, proven=True)
            if fresh is Freshness.FRESH:
                self.learning_at[beat.network] = now + LEARNING_SECONDS
                return True
        if fresh is Freshness.STALE and now >= self.stale_at:
            self.stale_at = now + ANSWER_SECONDS
            return True
        return False


@dataclass(slots=True)
class Fellow:
    """Another seat. Two processes may believe to have it: both are heard, so that the verdicts can void its vote."""

    lives: dict[int, dict[int, int]] = field(default_factory=dict)
    """By incarnation: the greatest sequence of each kind of frame."""
    nonce: int = 0
    nonce_of: int = -1
    """The incarnation that the nonce is of."""

    def learn(self, nonce: int, incarnation: int) -> None:
        """Remember its start nonce, unless it is one of an earlier life (a record, played back)."""
        if incarnation >= self.nonce_of:
            self.nonce, self.nonce_of = nonce, incarnation

    def judge(self, incarnation: int, kind: int, sequence: int, *, proven: bool) -> Freshness:
        """Judge a frame. An earlier life that still speaks, with new sequences, is fresh; one never heard is stale."""
        if not proven:
            return Freshness.UNPROVEN
        last = self.lives.get(incarnation)
        if last is None:
            if self.lives and incarnation < max(self.lives):
                return Freshness.STALE
            last = self.lives[incarnation] = {}
            if len(self.lives) > LIVES_KEPT:
                del self.lives[min(self.lives)]
        if sequence <= last.get(kind, -1):
            return Freshness.REPLAYED
        last[kind] = sequence
        return Freshness.FRESH

    def knows_our_twin(self, incarnation: int, kind: int, sequence: int, nonce: int) -> bool:
        """Whether an authentic frame without our nonce says that another process has our seat.

        It had ours before, in this very life of its, and now has another's: so it was made after that other started,
        and is no record of the time before us.
        """
        last = self.lives.get(incarnation)
        if not nonce or last is None or sequence <= last.get(kind, sequence):
            return False
        last[kind] = sequence
        return True


@dataclass(frozen=True, slots=True)
class BeatKey:
    """What the hot path needs of one node and key id."""

    source: Source
    key: bytes
    key_id: int
    mac: Any
    """A keyed BLAKE2b that has eaten nothing yet: a copy of it costs half of a new one (measured: 1.3 us, not 3.0)."""
    state_at: int
    """Offset of a beat's state, behind name and counters."""
    minimum: int
    """Bytes of the shortest beat."""


class Sources:
    """Everybody whom this seat may hear.

    A beat is found by its first bytes, header and name together: if they are those of a known node, key id and
    cluster, one look-up says so, and all cheap checks are done with it before the tag.
    """

    def __init__(self, seat: int, nonce: int) -> None:
        self.seat = seat
        self.nonce = nonce
        self.cluster = bytes(8)
        self.beats: dict[bytes, BeatKey] = {}
        self.vote_keys: dict[int, bytes] = {}
        self.nodes: dict[str, Source] = {}
        self.fellows = {number: Fellow() for number in range(SEATS) if number != seat}
        self._masters: dict[int, bytes] = {}
        self._keys: dict[tuple[str, int], BeatKey] = {}
        self._gone: dict[str, Window] = {}
        """Windows of nodes that left the roster: when they come back, their old beats are still old."""

    def configure(self, cluster: bytes, masters: Mapping[int, bytes], vote_keys: Mapping[int, bytes]) -> None:
        """Take cluster and keys; every key id given here is accepted, so keys are rotated without a gap.

        Raises:
            OutOfRange: a master key or key id cannot be one; nothing is changed then.
        """
        if (cluster, masters) != (self.cluster, self._masters):
            self._rebuild(cluster, masters, self.nodes)
        self.cluster, self._masters, self.vote_keys = cluster, dict(masters), dict(vote_keys)

    def set_nodes(self, names: Iterable[str]) -> None:
        """The roster: nobody else is heard.

        Raises:
            OutOfRange: a name is none; nothing is changed then.
        """
        names = set(names)
        if names == self.nodes.keys():
            return  # a feed that only says something else about them costs no look at all keys
        nodes = {name: self.nodes.get(name) or Source(name, self._gone.get(name) or Window()) for name in names}
        self._rebuild(self.cluster, self._masters, nodes)
        self._gone |= {name: source.window for name, source in self.nodes.items() if name not in nodes}
        self.nodes = nodes
        for name in nodes:
            self._gone.pop(name, None)

    def key(self, node: str, key_id: int) -> BeatKey | None:
        """The key of a node of the roster."""
        return self._keys.get((node, key_id))

    def newest_key(self, node: str) -> BeatKey | None:
        """The key to sign with when we speak first: that of the greatest key id."""
        return self._keys.get((node, max(self._masters, default=-1)))

    def nonces(self) -> Nonces:
        """Start nonces of all seats, for frames to the other seats."""
        by_seat = {number: fellow.nonce for number, fellow in self.fellows.items()} | {self.seat: self.nonce}
        return by_seat[0], by_seat[1], by_seat[2]

    def _rebuild(self, cluster: bytes, masters: Mapping[int, bytes], nodes: Mapping[str, Source]) -> None:
        kept = self._keys if masters == self._masters else {}
        keys: dict[tuple[str, int], BeatKey] = {}
        for node, source in nodes.items():
            for key_id, master in masters.items():
                keys[node, key_id] = kept.get((node, key_id)) or _beat_key(source, master, key_id)
        self._keys = keys
        self.beats = {_first_bytes(node, key_id, cluster): key for (node, key_id), key in keys.items()}


def state_of(beat: Beat) -> tuple[object, ...]:
    """What a beat says beside "I live": if it is as before, nobody need be told."""
    return (
        beat.incarnation,
        beat.flags & ~Flags.NEW_FAULT,
        beat.watchdog,
        beat.fault_generation,
        beat.inventory_generation,
        beat.faults,
    )


def _beat_key(source: Source, master: bytes, key_id: int) -> BeatKey:
    key = node_key(master, source.node, key_id)
    body_at = HEADER_BYTES + 1 + len(source.node.encode())
    mac = hashlib.blake2b(key=key, digest_size=TAG_BYTES)
    return BeatKey(source, key, key_id, mac, body_at + COUNTERS.size, body_at + MIN_BODY_BYTES + TAG_BYTES)


def _first_bytes(node: str, key_id: int, cluster: bytes) -> bytes:
    name = node.encode()
    return HEADER.pack(MAGIC, VERSION, FrameKind.BEAT, key_id, cluster) + bytes([len(name)]) + name
