"""The VMs of this hypervisor, as sentinels must know them should it be lost with all of them."""

from collections.abc import Callable, Iterable

from nfvi_ha.core.wire.inventory import VmEntry


class InventoryBook:
    """VM entries by uid. ``changed`` is called in the same turn of the event loop, once for all changes in it."""

    def __init__(
        self,
        changed: Callable[[tuple[VmEntry, ...]], None],
        soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._entries: dict[str, VmEntry] = {}
        self._changed = changed
        self._soon = soon
        self._scheduled = False
        self._told = False

    def put(self, entry: VmEntry) -> None:
        """The VM runs here, with these properties."""
        if self._entries.get(entry.uid) != entry:
            self._entries[entry.uid] = entry
            self._schedule()

    def drop(self, uid: str) -> None:
        """The VM runs here no more; nothing happens if it did not."""
        if self._entries.pop(uid, None) is not None:
            self._schedule()

    def replace(self, entries: Iterable[VmEntry]) -> None:
        """These and no others run here. The first time it is told in any case: "none" is news to who knew some."""
        wanted = {entry.uid: entry for entry in entries}
        if wanted != self._entries or not self._told:
            self._entries = wanted
            self._schedule()

    def entries(self) -> tuple[VmEntry, ...]:
        """All of them, by uid."""
        return tuple(self._entries[uid] for uid in sorted(self._entries))

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        self._told = True
        self._changed(self.entries())
