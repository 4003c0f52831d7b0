"""Heartbeats: each carries the whole current set of local faults, so a lost datagram loses nothing.

Body: ``u8 length, node | sequence u64 | lag u16 | network u8 | flags u8 | watchdog u8 | boot id 16 | incarnation u64 |
episode u32 | fault generation u32 | inventory generation u32 | 3 nonces u64 | faults to the end``. What differs in each
beat comes first: as long as all behind it is, byte for byte, what the last beat had, nothing of it need be decoded.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from nfvi_ha.core.wire.body import Data, Reader, Writer, uuid_text
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import HEADER_BYTES, MAX_DATAGRAM, TAG_BYTES, FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import UNKNOWN, Nonces

COUNTERS: Final = struct.Struct(">QH")
"""Sequence and lag: what differs in every beat. The state begins behind it, with the network's index."""
_FIXED: Final = struct.Struct(COUNTERS.format + "BBB16sQIII3Q")
"""The counters, network, flags, watchdog, boot id, incarnation, episode, both generations, nonces."""
MIN_BODY_BYTES: Final = _FIXED.size
"""Behind the name."""
MAX_LAG_MS: Final = 0xFFFF


class Flags(IntFlag):
    """What an agent says of itself. Bits that only a newer agent knows are kept."""

    REAL_TIME = 1
    """It runs under real-time scheduling, so silence means something after 350 ms (else 500)."""
    SELF_SLOW = 2
    """Its own loop lagged by more than 100 ms lately."""
    PROBES_DOWN = 4
    """The probes process is down: an empty fault set is no good news."""
    NEW_FAULT = 8
    """Sent out of turn because a fault is new."""
    SPOOLED = 16
    """Some of its faults are from before the agent's start."""
    ISOLATED = 32
    """It reaches nobody else."""


class Watchdog(IntEnum):
    """State of the hardware watchdog."""

    NONE = 0
    ARMED = 1
    DISARMED = 2


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat, to one sentinel over one network."""

    node: str
    boot_id: str
    incarnation: int
    """Wall clock of the beat process's start in ns since 1970, so a later process has a greater one."""
    sequence: int
    """Grows with every period and beat out of turn within an incarnation; one counter for all networks and seats."""
    network: int
    """Index into the configured networks."""
    flags: Flags
    watchdog: Watchdog
    lag_ms: int
    """Largest lag of the beat loop in the last second; 65,535 stands for that or more."""
    episode: int
    """Episode of faults of the hypervisor itself in this boot, as sentinels last told."""
    fault_generation: int
    """Grows with every change of the fault set."""
    inventory_generation: int
    """Grows with every change of the inventory."""
    nonces: Nonces = UNKNOWN
    faults: bytes = b""
    """As ``local_fault.pack`` made it; read it with ``local_fault.unpack``."""


def room(node: str) -> int:
    """How many bytes of faults fit into a beat of this node."""
    return MAX_DATAGRAM - HEADER_BYTES - 1 - len(node.encode()) - _FIXED.size - TAG_BYTES


def encode_beat(beat: Beat, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    writer = Writer().name(beat.node, "node")
    if not beat.boot_id:
        raise OutOfRange("boot_id: a beat without")
    boot = Writer().uuid(beat.boot_id, "boot_id").done()
    try:
        fixed = _FIXED.pack(
            beat.sequence,
            min(beat.lag_ms, MAX_LAG_MS),
            beat.network,
            beat.flags,
            beat.watchdog,
            boot,
            beat.incarnation,
            beat.episode,
            beat.fault_generation,
            beat.inventory_generation,
            *beat.nonces,
        )
    except struct.error as error:
        raise OutOfRange(f"beat of {beat.node}: {error}") from error
    return seal(FrameKind.BEAT, writer.blob(fixed).blob(beat.faults).done(), key, key_id, cluster)


def decode_beat(data: Data, key: bytes, cluster: bytes | None = None) -> Beat:
    """From a datagram, authentic by its tag. The faults stay packed.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    return beat_of(unseal(data, FrameKind.BEAT, key, cluster))


def beat_of(body: bytes) -> Beat:
    """From a body whose tag is verified already.

    Raises:
        BadFrame: it is malformed.
    """
    reader = Reader(body)
    node = reader.name()
    sequence, lag_ms, network, flags, watchdog, boot, *others = _FIXED.unpack(reader.raw(_FIXED.size))
    incarnation, episode, fault_generation, inventory_generation, *nonces = others
    try:
        state = Watchdog(watchdog)
    except ValueError as error:
        raise BadFrame(Reason.BODY, f"watchdog {watchdog}") from error
    return Beat(
        node=node,
        boot_id=uuid_text(boot),
        incarnation=incarnation,
        sequence=sequence,
        network=network,
        flags=Flags(flags),
        watchdog=state,
        lag_ms=lag_ms,
        episode=episode,
        fault_generation=fault_generation,
        inventory_generation=inventory_generation,
        nonces=(nonces[0], nonces[1], nonces[2]),
        faults=reader.rest(),
    )
