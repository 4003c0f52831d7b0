"""What an agent knows of the VMs of its node, from its own cache of the API's objects."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Migration:
    """A live migration of a VM (status.migrationState), under way or the last one."""

    source: str
    target: str
    """Names of nodes; "" where not known yet."""
    target_ready: bool = False
    """The target's domain is ready: the source is about to be ended."""
    completed: bool = False
    failed: bool = False
    post_copy: bool = False
    """The guest runs on the target already, and needs pages of the source."""


@dataclass(frozen=True, slots=True)
class VmFacts:
    """A VirtualMachineInstance, as far as the end of its process is concerned."""

    uid: str
    namespace: str
    name: str
    node: str = ""
    phase: str = ""
    deleting: bool = False
    report: bool = True
    vnf: str = ""
    slot: int | None = None
    migration: Migration | None = None
    pods: tuple[str, ...] = ()
    """Uids of its active pods."""
    gone: bool = False
    """It left our view: deleted, or on another node now."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The reverse of ``to_json``.

        Raises:
            KeyError, TypeError: it is not that.
        """
        fields = dict(value)
        migration = fields.pop("migration")
        pods = tuple(str(each) for each in fields.pop("pods"))
        return cls(**fields, pods=pods, migration=Migration(**migration) if migration else None)


@dataclass(frozen=True, slots=True)
class LauncherFacts:
    """A virt-launcher pod of this node."""

    uid: str
    vmi_uid: str
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known about one VM at one moment, and how far that can be trusted."""

    vm: VmFacts | None
    launcher: LauncherFacts | None
    synced: bool
    """The API told all VMs of this node since the agent started: one that is not among them is not in the API."""
    heard_seconds: float
    """Since anything was heard from the API server; infinite if nothing ever was."""
