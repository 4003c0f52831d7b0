"""One notification on its way to one endpoint, and those of one resource in their order."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.reporting.answer import Answer

ResourceKey = tuple[str, str, str]

REFUSED_MEMORY_SECONDS: Final = 600.0
"""How long later notifications of a resource wait for one that was not taken. The outbox submits it again far sooner;
after this nobody will, and the resource must not be mute for ever."""


@dataclass(slots=True)
class Item:
    """A notification at one endpoint. The body is shared by all endpoints."""

    notification_id: str
    incident: str
    resource: ResourceKey
    sequence: int
    body: bytes = field(repr=False)
    content_type: str
    submitted: float
    """Monotonic."""
    age_seconds: float
    """How old the notification was when it was submitted, by the wall clock."""
    order: int = 0
    """Position among all items of the endpoint: who waits longest goes first."""
    turn: float = 0.0
    """Monotonic, when the earlier ones of its resource were done with."""
    attempts: int = 0
    last: Answer | None = None
    is_under_way: bool = False
    """A request with it is being answered right now."""
    withdrawn: bool = False
    """Somebody else sees to it: no further attempt."""


class Lane:
    """The items of one resource at one endpoint. The first is being delivered, the others wait for it."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def add(self, item: Item) -> None:
        """Add by sequence; never before the first, which may be under way."""
        insort(self._items, item, lo=min(1, len(self._items)), key=lambda queued: queued.sequence)

    def first(self) -> Item | None:
        """The one to be delivered now."""
        return self._items[0] if self._items else None

    def done(self) -> None:
        """The first is delivered, parked or expired."""
        del self._items[0]

    def withdraw(self, incident: str) -> list[Item]:
        """Take out all of an incident; one that is under way stays, marked, until it is answered."""
        taken = [item for item in self._items if item.incident == incident]
        for item in taken:
            item.withdrawn = True
        self._items = [item for item in self._items if not item.withdrawn or item.is_under_way]
        return [item for item in taken if not item.is_under_way]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


class Refused:
    """Which notifications found no room, per resource, so that none overtakes an earlier one of its resource."""

    def __init__(self) -> None:
        self._by_resource: dict[ResourceKey, dict[str, tuple[int, float]]] = {}
        self.count = 0

    def blocks(self, item: Item) -> bool:
        """Whether an earlier one of its resource was refused and must be submitted first."""
        refused = self._by_resource.get(item.resource)
        if refused is None:
            return False
        for notification_id, (_, at) in list(refused.items()):
            if item.submitted - at > REFUSED_MEMORY_SECONDS:
                self._drop(item.resource, notification_id)
        return any(sequence < item.sequence for key, (sequence, _) in refused.items() if key != item.notification_id)

    def add(self, item: Item) -> None:
        """Remember one that was refused."""
        refused = self._by_resource.setdefault(item.resource, {})
        self.count += item.notification_id not in refused
        refused[item.notification_id] = (item.sequence, item.submitted)

    def taken(self, item: Item) -> None:
        """It was submitted again and found room."""
        self._drop(item.resource, item.notification_id)

    def _drop(self, resource: ResourceKey, notification_id: str) -> None:
        refused = self._by_resource.get(resource)
        if refused is not None and refused.pop(notification_id, None) is not None:
            self.count -= 1
            if not refused:
                del self._by_resource[resource]
