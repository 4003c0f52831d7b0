"""From what we know to the datagrams that say it."""

from dataclasses import dataclass, field
from typing import Final

from nfvi_ha.agent.beat.keyring import Keyring
from nfvi_ha.agent.beat.seats import History, Seats, Sent
from nfvi_ha.core.wire.beat import MAX_LAG_MS, Beat, Flags, Watchdog, encode_beat
from nfvi_ha.core.wire.goodbye import Goodbye, GoodbyeReason, encode_goodbye
from nfvi_ha.core.wire.inventory import Inventory, encode_inventory

NO_FAULTS: Final = -1
"""Generation of what carries no set of faults: whoever answers it cannot have recorded one from it."""
_U32: Final = 0xFFFF_FFFF


@dataclass(slots=True)
class Telltale:
    """What the probes process said last; it stays when that process goes."""

    faults: bytes = b""
    generation: int = 0
    """Of the beat process: counts changes of ``faults`` and lives as long as the incarnation."""
    probes_generation: int = 0
    """Of the present probes process, which wants to know what an answer was about."""
    spooled: bool = False
    inventory: list[bytes] = field(default_factory=list)
    inventory_generation: int = 0
    episode: int = 0

    def take_faults(self, blob: bytes, probes_generation: int, *, spooled: bool) -> None:
        """A set of faults, perhaps the same as before."""
        if blob != self.faults or not self.generation:
            self.faults = blob
            self.generation = (self.generation + 1) & _U32
        self.probes_generation = probes_generation
        self.spooled = spooled

    def take_inventory(self, parts: list[bytes]) -> None:
        """All VMs, in parts."""
        if parts != self.inventory:
            self.inventory = parts
            self.inventory_generation = (self.inventory_generation + 1) & _U32


class Composer:
    """Makes datagrams; gives every beat and goodbye the next sequence and remembers the beats."""

    def __init__(
        self, node: str, boot_id: str, incarnation: int, keys: Keyring, seats: Seats, telltale: Telltale
    ) -> None:
        self.incarnation = incarnation
        self.sequence = 0
        self.history = History()
        self._node = node
        self._boot_id = boot_id
        self._keys = keys
        self._seats = seats
        self._telltale = telltale

    def beats(self, networks: int, flags: Flags, lag_seconds: float, now: float, key_id: int) -> list[bytes]:
        """One beat, as it is to go over each network; empty without such a key."""
        key = self._keys.secret(key_id)
        if key is None:
            return []
        told = self._telltale
        self.sequence += 1
        self.history.add(Sent(self.sequence, now, key_id, told.probes_generation))
        datagrams = []
        for network in range(networks):
            beat = Beat(
                node=self._node,
                boot_id=self._boot_id,
                incarnation=self.incarnation,
                sequence=self.sequence,
                network=network,
                flags=flags,
                watchdog=Watchdog.NONE,
                lag_ms=min(int(lag_seconds * 1000), MAX_LAG_MS),
                episode=told.episode,
                fault_generation=told.generation,
                inventory_generation=told.inventory_generation,
                nonces=self._seats.nonces,
                faults=told.faults,
            )
            datagrams.append(encode_beat(beat, key, key_id, self._keys.cluster))
        return datagrams

    def inventory(self) -> list[bytes]:
        """All parts of the inventory; empty without a key, or while the probes have not told it."""
        key, parts = self._keys.secret(self._keys.current), self._telltale.inventory
        if key is None:
            return []
        return [
            encode_inventory(
                Inventory(
                    node=self._node,
                    boot_id=self._boot_id,
                    incarnation=self.incarnation,
                    generation=self._telltale.inventory_generation,
                    part=number,
                    parts=len(parts),
                    nonces=self._seats.nonces,
                    packed=packed,
                ),
                key,
                self._keys.current,
                self._keys.cluster,
            )
            for number, packed in enumerate(parts)
        ]

    def goodbye(self, reason: GoodbyeReason, seconds: int, now: float) -> bytes | None:
        """A goodbye, None without a key. It may be answered like a beat, but no set of faults is in it."""
        key = self._keys.secret(self._keys.current)
        if key is None:
            return None
        self.sequence += 1
        self.history.add(Sent(self.sequence, now, self._keys.current, NO_FAULTS))
        goodbye = Goodbye(
            node=self._node,
            boot_id=self._boot_id,
            incarnation=self.incarnation,
            sequence=self.sequence,
            reason=reason,
            seconds=min(seconds, 0xFFFF),
            nonces=self._seats.nonces,
        )
        return encode_goodbye(goodbye, key, self._keys.current, self._keys.cluster)
