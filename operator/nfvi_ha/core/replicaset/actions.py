"""What a plan may ask for. Each is safe to do twice: names are deterministic, deletions carry the uid."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreateVm:
    """Create the VMI ``<name>-<slot>-<attempt>``."""

    slot: int
    attempt: int
    replaces: str = ""
    """uid of the VM whose place it takes, "" for a first filling."""


@dataclass(frozen=True, slots=True)
class DeleteVm:
    """Ask KubeVirt to end a VM (graceful). Our finalizer keeps the object until its end is evident."""

    uid: str
    name: str
    slot: int
    reason: str


@dataclass(frozen=True, slots=True)
class RetireVm:
    """Let go of an ended VM: delete the object if nobody did, and drop our finalizer."""

    uid: str
    name: str
    slot: int
    delete: bool


@dataclass(frozen=True, slots=True)
class AdoptVm:
    """Make an orphan ours: controller reference, slot labels and finalizer."""

    uid: str
    name: str
    slot: int
    attempt: int


Action = CreateVm | DeleteVm | RetireVm | AdoptVm
