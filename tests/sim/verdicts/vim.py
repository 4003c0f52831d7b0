"""What the VIM and the API get to see: each incident once, whichever seat tells it first."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nfvi_ha.core.fault import FaultKind
from nfvi_ha.core.verdict.outputs import Clear, Raise

from .world import World

Key = tuple[str, str, str, str, int]


@dataclass(slots=True)
class Record:
    """An incident as it is on record."""

    raised: Raise
    at: float
    cleared_at: float | None = None
    seats: list[int] = field(default_factory=list)


class Vim:
    def __init__(self, world: World) -> None:
        self._world = world
        self.records: dict[Key, Record] = {}
        self.quiet = False
        self.listeners: list[Callable[[int, Raise], None]] = []
        """Called with the incarnation of the seat that raises something, for each seat that does."""

    def raised(self, seat: int, incarnation: int, said: Raise) -> None:
        for listener in self.listeners:
            listener(incarnation, said)
        key = (said.kind.value, said.node, said.network, said.boot_id, said.episode)
        record = self.records.get(key)
        if record is not None:
            record.seats.append(seat)
            return
        self.records[key] = Record(said, self._world.clock.now, seats=[seat])
        extras = [said.cause, said.confidence.value, *(["with its VMs"] if said.with_vms else [])]
        extras += ["in the mass failure"] if said.parent_mass else []
        self._world.say("vim", f"{_name(said.kind, said.node, said.network, said.episode)} raised: {', '.join(extras)}")

    def cleared(self, said: Clear) -> None:
        record = self.records.get((said.kind.value, said.node, said.network, said.boot_id, said.episode))
        if record is None or record.cleared_at is not None:
            return
        record.cleared_at = self._world.clock.now
        self._world.say("vim", f"{_name(said.kind, said.node, said.network, said.episode)} cleared: {said.message}")

    def open(self) -> list[Raise]:
        return [r.raised for r in self.records.values() if r.cleared_at is None]

    def open_hosts(self) -> list[Raise]:
        """What is open but the failures of VMs, which are not for the seats to clear."""
        return [fault for fault in self.open() if fault.kind is not FaultKind.VM_FAILED]

    def of(self, kind: FaultKind, node: str = "") -> list[Record]:
        return [r for r in self.records.values() if r.raised.kind is kind and r.raised.node == node]


def _name(kind: FaultKind, node: str, network: str, episode: int) -> str:
    return f"{kind.value}[{episode}] {'/'.join(filter(None, (node or 'nfvi', network)))}"
