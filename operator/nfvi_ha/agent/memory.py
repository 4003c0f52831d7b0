"""What the fault table remembers beyond one life of the process: for one boot of the hypervisor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nfvi_ha.agent.fault_entry import FaultEntry, restored
from nfvi_ha.agent.observed import FaultKey
from nfvi_ha.core.fault import FaultKind

FORMAT: Final = 1
SERIALS_RESERVED: Final = 1000
"""The spool is written after a fault was told, so a crash in between would lose serials that seats have seen already.
So many are set aside before the first is used; a new process begins behind them."""


@dataclass(slots=True)
class Memory:
    """Open faults, serials and episodes of this boot."""

    boot_id: str
    entries: dict[FaultKey, FaultEntry] = field(default_factory=dict)
    settled: dict[FaultKey, FaultEntry] = field(default_factory=dict)
    """Events of VMs that are on record, oldest first: their proof may come later and needs the same serial."""
    episodes: dict[FaultKey, int] = field(default_factory=dict)
    """The next episode of each key that had one."""
    next_serial: int = 1
    reserved: int = 0
    """No process of this boot used this serial or a later one, whatever was lost."""
    node_episode: int = 0
    """The hypervisor's own episode counter, as the sentinels said last."""

    def take_serial(self) -> int:
        """The next serial."""
        serial = self.next_serial
        self.next_serial += 1
        return serial

    def reserve(self) -> bool:
        """Set serials aside; True if that must be written down (before one of them is used, where possible)."""
        if self.next_serial + SERIALS_RESERVED // 2 < self.reserved:
            return False
        self.reserved = self.next_serial + SERIALS_RESERVED
        return True

    def to_json(self) -> dict[str, Any]:
        """For the spool file."""
        return {
            "format": FORMAT,
            "bootId": self.boot_id,
            "reserved": self.reserved,
            "nodeEpisode": self.node_episode,
            "faults": [entry.spooled() for entry in self.entries.values()],
            "settled": [entry.spooled() for entry in self.settled.values()],
            "episodes": [[key.kind.value, key.on, number] for key, number in self.episodes.items()],
        }


def from_json(value: Mapping[str, Any], boot_id: str) -> Memory | None:
    """What another process of the same boot left; None if it was of another boot, or of another format.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    if value["format"] != FORMAT or value["bootId"] != boot_id:
        return None
    entries = [restored(each) for each in value["faults"]]
    settled = [restored(each) for each in value["settled"]]
    return Memory(
        boot_id=boot_id,
        entries={entry.key: entry for entry in entries},
        settled={entry.key: entry for entry in settled},
        episodes={FaultKey(FaultKind(kind), str(on)): int(number) for kind, on, number in value["episodes"]},
        next_serial=int(value["reserved"]),
        reserved=int(value["reserved"]),
        node_episode=int(value["nodeEpisode"]),
    )
