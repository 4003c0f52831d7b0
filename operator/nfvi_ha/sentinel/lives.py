"""What each agent last said: where its beats come from, its faults as they came, and the VMs it runs."""

from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.core.wire.beat import Beat, Flags
from nfvi_ha.core.wire.frame import BadFrame
from nfvi_ha.core.wire.inventory import Inventory, VmEntry
from nfvi_ha.core.wire.local_fault import OVERFLOW_SERIAL, LocalFault, unpack_all
from nfvi_ha.sentinel.sources import Place

MAX_PARTS: Final = 64
"""Of an inventory: some 600 VMs. One that claims more would have us keep more for it than any hypervisor needs."""


@dataclass(slots=True)
class Life:
    """One node's agent, from one start of it to the next."""

    beat: Beat
    """The newest."""
    looking_since: float | None = None
    """Monotonic, since when its probes have been up without a break; None while they are down, or have said nothing
    yet: an empty set is no good news then."""
    places: dict[int, Place] = field(default_factory=dict)
    """By network: where its last beat there came from."""
    generation: int | None = None
    """Of the faults below; None before there were any."""
    faults: tuple[LocalFault, ...] = ()
    whole: bool = False
    """The faults are all there are: none was left out, and none was of a kind that we do not know."""
    untold: bool = False
    """They were not looked at: the node was not ours to speak of."""
    acknowledged: int = 0
    """Serial up to which nothing is wanted any more."""
    inventory: tuple[VmEntry, ...] | None = None
    inventory_at: float = float("-inf")
    """Monotonic, when it was last said as a whole."""
    inventory_key: tuple[int, int, int] | None = None
    parts: dict[int, tuple[VmEntry, ...]] = field(default_factory=dict)
    before: tuple[str, tuple[VmEntry, ...] | None] = ("", None)
    """Boot id and VMs of the boot before this one, as far as it was heard."""

    def vms_of(self, boot_id: str) -> tuple[VmEntry, ...] | None:
        """The VMs of a boot; None where its agent never told them all."""
        if boot_id == self.beat.boot_id:
            return self.inventory
        return self.before[1] if boot_id == self.before[0] else None


class Lives:
    """All agents that were heard, by node."""

    def __init__(self) -> None:
        self._lives: dict[str, Life] = {}
        self.heard_at: dict[str, float] = {}
        """Monotonic, of each node's last beat, whatever it said."""
        self.broken: dict[str, int] = {}
        """Blobs that could not be read, by node: the agent has a defect."""

    def get(self, node: str) -> Life | None:
        """The agent of a node, if it was ever heard."""
        return self._lives.get(node)

    def nodes(self) -> list[str]:
        """All nodes that were heard."""
        return list(self._lives)

    def forget(self, node: str) -> None:
        """The node left the roster."""
        self._lives.pop(node, None)
        self.heard_at.pop(node, None)
        self.broken.pop(node, None)

    def is_fresh(self, node: str, now: float, seconds: float) -> bool:
        """Whether it was heard within so long."""
        return now - self.heard_at.get(node, float("-inf")) <= seconds

    def told(self, beat: Beat, place: Place, now: float) -> Life | None:
        """A fresh beat that is not as the one before. Returns the life if its set of faults is to be looked at."""
        life = self._lives.get(beat.node)
        if life is None or life.beat.boot_id != beat.boot_id or life.beat.incarnation != beat.incarnation:
            before = life
            life = self._lives[beat.node] = Life(beat)
            if before is not None and before.beat.boot_id == beat.boot_id:
                # Another start of the agent on the same boot: its VMs are those it had, until it says more.
                life.inventory, life.before = before.inventory, before.before
            elif before is not None:
                life.before = before.beat.boot_id, before.inventory
        life.places[beat.network] = place
        if beat.sequence < life.beat.sequence:
            return None  # overtaken on the other network
        life.beat = beat
        if not beat.fault_generation or beat.flags & Flags.PROBES_DOWN:
            life.looking_since = None
        elif life.looking_since is None:
            life.looking_since = now
        if beat.fault_generation == life.generation:
            return None
        try:
            found = unpack_all(beat.faults)
        except BadFrame:
            self.broken[beat.node] = self.broken.get(beat.node, 0) + 1
            life.whole = False
            return None
        life.generation = beat.fault_generation
        life.faults = found.faults
        life.whole = not found.unknown and all(fault.serial != OVERFLOW_SERIAL for fault in found.faults)
        return life

    def inventory(self, part: Inventory, now: float) -> bool:
        """A fresh part of a node's VMs; True when it made the set whole and that changed."""
        life = self._lives.get(part.node)
        if life is None or part.boot_id != life.beat.boot_id or part.incarnation != life.beat.incarnation:
            return False
        if part.parts > MAX_PARTS:
            self.broken[part.node] = self.broken.get(part.node, 0) + 1
            return False
        key = (part.incarnation, part.generation, part.parts)
        if key != life.inventory_key:
            if life.inventory_key is not None and key[:2] < life.inventory_key[:2]:
                return False
            life.inventory_key = key
            life.parts.clear()
        life.parts[part.part] = part.entries
        if len(life.parts) < part.parts:
            return False
        whole = tuple(entry for number in range(part.parts) for entry in life.parts[number])
        changed, life.inventory, life.inventory_at = whole != life.inventory, whole, now
        return changed
