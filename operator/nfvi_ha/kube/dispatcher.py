"""Hands changes of several informers to their consumers, the important kinds first.

A burst of thousands of VMI events must not delay one Node event, and a consumer that is behind should see the newest
state of an object once, not each state it went through.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]

SLICE_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One object came, changed or went.

    ``old`` of a MODIFIED is what the consumer was last told, ``old`` of a DELETED the last state known, from the
    deletion event itself where it carried one. ``received_at`` is the monotonic time when the (newest) event came off
    the wire; ``synthetic`` says that nothing of it came as a watch event: it is the difference to a list.
    """

    type: ChangeType
    old: T | None
    new: T | None
    received_at: float
    synthetic: bool


class _Waiting(Generic[T]):
    """A change in the queue; ``since`` is when the oldest event that was merged into it was received."""

    __slots__ = ("change", "since", "uid")

    def __init__(self, uid: str, change: Change[T]) -> None:
        self.uid = uid
        self.change = change
        self.since = change.received_at


class Lane(Generic[T]):
    """The queue of one informer. ``deliver`` gets (change, since) in order and must not raise."""

    def __init__(self, dispatcher: "Dispatcher", priority: int, deliver: Callable[[Change[T], float], None]) -> None:
        self._dispatcher = dispatcher
        self._deliver = deliver
        self._queue: deque[_Waiting[T] | Callable[[], None]] = deque()
        self._last: dict[str, _Waiting[T]] = {}
        self.priority = priority

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, uid: str, change: Change[T]) -> None:
        """Queue a change of the object ``uid``; one MODIFIED after another of the same uid becomes one.

        ADDED and DELETED are never merged: they start and end an incarnation.
        """
        last = self._last.get(uid)
        if last is not None and change.type == "MODIFIED" == last.change.type:
            synthetic = change.synthetic and last.change.synthetic
            last.change = Change("MODIFIED", last.change.old, change.new, change.received_at, synthetic)
            return
        waiting = _Waiting(uid, change)
        self._last[uid] = waiting
        self._queue.append(waiting)
        self._dispatcher.wake()

    def call_after(self, callback: Callable[[], None]) -> None:
        """Call back once everything queued until now was delivered."""
        self._queue.append(callback)
        self._dispatcher.wake()

    def deliver_one(self) -> None:
        """Deliver the oldest change."""
        waiting = self._queue.popleft()
        if not isinstance(waiting, _Waiting):
            waiting()
            return
        if self._last.get(waiting.uid) is waiting:
            del self._last[waiting.uid]
        self._deliver(waiting.change, waiting.since)


class _AnyLane(Protocol):
    priority: int

    def __len__(self) -> int: ...
    def deliver_one(self) -> None: ...


class Dispatcher:
    """Drains its lanes by priority, the smallest number first, in slices between which the event loop gets its turn."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, slice_seconds: float = SLICE_SECONDS) -> None:
        self._clock = clock
        self._slice_seconds = slice_seconds
        self._lanes: list[_AnyLane] = []
        self._awake = False

    def lane(self, priority: int, deliver: Callable[[Change[T], float], None]) -> Lane[T]:
        """A new lane; among equal priorities the older lane goes first."""
        lane = Lane(self, priority, deliver)
        self._lanes.append(lane)
        self._lanes.sort(key=lambda each: each.priority)
        return lane

    def wake(self) -> None:
        """Something was queued: deliver it in this or the next turn of the running loop."""
        if not self._awake:
            self._awake = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        end = self._clock() + self._slice_seconds
        while True:
            # Chosen anew for each change: a consumer may have put something into a better lane.
            lane = next((each for each in self._lanes if each), None)
            if lane is None:
                self._awake = False
                return
            lane.deliver_one()
            if self._clock() >= end:
                asyncio.get_running_loop().call_soon(self._drain)
                return
