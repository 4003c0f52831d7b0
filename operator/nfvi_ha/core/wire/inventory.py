"""The VMs that run on a hypervisor, told once a second and on change, in as many parts as they need.

A sentinel keeps the last complete set: if the hypervisor is lost, these are the VMs that are lost with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nfvi_ha.core.wire.body import MAX_NAME_BYTES, Data, Reader, Writer
from nfvi_ha.core.wire.errors import BadFrame, OutOfRange, Reason
from nfvi_ha.core.wire.frame import HEADER_BYTES, MAX_DATAGRAM, TAG_BYTES, FrameKind, seal, unseal
from nfvi_ha.core.wire.nonces import NONCES, UNKNOWN, Nonces, read_nonces, write_nonces

_HEAD_BYTES: Final = 16 + 8 + 4 + 2 + 2 + NONCES.size
_REPORT: Final = 1
_GOING: Final = 2
_UID_BYTES: Final = 63
_NAMESPACE_BYTES: Final = 63


@dataclass(frozen=True, slots=True)
class VmEntry:
    """One VM on the hypervisor."""

    uid: str
    namespace: str
    name: str
    vnf: str = ""
    slot: int | None = None
    report: bool = True
    """Whether its failure is to be reported."""
    going: bool = False
    """It is being deleted, migrated away or shut down: its end will be no failure."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """One part of the VMs of a node."""

    node: str
    boot_id: str
    incarnation: int
    generation: int
    """Grows with every change within an incarnation; all parts of a set have the same."""
    part: int
    """From 0."""
    parts: int
    nonces: Nonces = UNKNOWN
    packed: bytes = b""
    """As ``pack_entries`` or ``chunks`` made it, so that the beat process need not look inside."""

    @property
    def entries(self) -> tuple[VmEntry, ...]:
        """What is in this part.

        Raises:
            BadFrame: it is malformed; never for one that ``decode_inventory`` returned.
        """
        return unpack_entries(self.packed)


def pack_entries(entries: Iterable[VmEntry]) -> bytes:
    """Entries one behind the other.

    Raises:
        OutOfRange: a field cannot hold its value.
    """
    writer = Writer()
    for entry in entries:
        writer.number(_REPORT * entry.report | _GOING * entry.going, 1, "bits").slot(entry.slot)
        writer.text(entry.uid, _UID_BYTES, "uid", shortest=1)
        writer.text(entry.namespace, _NAMESPACE_BYTES, "namespace", shortest=1)
        writer.name(entry.name, "name").text(entry.vnf, MAX_NAME_BYTES, "vnf")
    return writer.done()


def unpack_entries(packed: Data) -> tuple[VmEntry, ...]:
    """The entries of one part.

    Raises:
        BadFrame: it is malformed.
    """
    reader, entries = Reader(packed), []
    while reader.more():
        bits, slot = reader.number(1), reader.slot()
        uid, namespace = reader.text(_UID_BYTES, shortest=1), reader.text(_NAMESPACE_BYTES, shortest=1)
        name, vnf = reader.name(), reader.text(MAX_NAME_BYTES)
        entries.append(VmEntry(uid, namespace, name, vnf, slot, bool(bits & _REPORT), bool(bits & _GOING)))
    return tuple(entries)


def chunks(node: str, entries: Iterable[VmEntry]) -> list[bytes]:
    """Packed entries in as few parts as fit datagrams of this node; one empty part when there are no VMs.

    Raises:
        OutOfRange: a field of an entry cannot hold its value.
    """
    room = MAX_DATAGRAM - HEADER_BYTES - 1 - len(node.encode()) - _HEAD_BYTES - TAG_BYTES
    found = [b""]
    for entry in entries:
        packed = pack_entries((entry,))
        if len(found[-1]) + len(packed) > room:
            found.append(b"")
        found[-1] += packed
    return found


def encode_inventory(inventory: Inventory, key: bytes, key_id: int, cluster: bytes) -> bytes:
    """To a datagram.

    Raises:
        OutOfRange: a field cannot hold its value, or there are more entries than fit.
    """
    if not inventory.boot_id or not 0 <= inventory.part < inventory.parts:
        raise OutOfRange(f"inventory of {inventory.node}: part {inventory.part} of {inventory.parts}, or no boot id")
    writer = Writer().name(inventory.node, "node").uuid(inventory.boot_id, "boot_id")
    writer.number(inventory.incarnation, 8, "incarnation").number(inventory.generation, 4, "generation")
    writer.number(inventory.part, 2, "part").number(inventory.parts, 2, "parts")
    write_nonces(writer, inventory.nonces)
    return seal(FrameKind.INVENTORY, writer.blob(inventory.packed).done(), key, key_id, cluster)


def decode_inventory(data: Data, key: bytes, cluster: bytes | None = None) -> Inventory:
    """From a datagram, authentic by its tag; its entries are known to be well-formed.

    Raises:
        BadFrame: it is not authentic, or malformed.
    """
    reader = Reader(unseal(data, FrameKind.INVENTORY, key, cluster))
    inventory = Inventory(
        node=reader.name(),
        boot_id=reader.uuid(),
        incarnation=reader.number(8),
        generation=reader.number(4),
        part=reader.number(2),
        parts=reader.number(2),
        nonces=read_nonces(reader),
        packed=reader.rest(),
    )
    if inventory.part >= inventory.parts:
        raise BadFrame(Reason.BODY, f"part {inventory.part} of {inventory.parts}")
    unpack_entries(inventory.packed)
    return inventory
