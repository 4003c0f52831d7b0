"""Where one control plane keeps its things, and the record by which a later command finds its processes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.certificates import write_private
from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.controlplane.flags import Ports
from nfvi_ha.lab.controlplane.processes import ProcessId

RECORD_NAME: Final = "control-plane.json"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths under a state directory."""

    root: Path

    @classmethod
    def at(cls, directory: Path) -> Self:
        """The layout under ``directory``, which may be relative to the working directory of now."""
        return cls(directory.absolute())

    @property
    def pki(self) -> Path:
        """Keys and certificates."""
        return self.root / "pki"

    @property
    def etcd_data(self) -> Path:
        """The database."""
        return self.root / "etcd"

    @property
    def kubeconfigs(self) -> Path:
        """Credentials as kubeconfig files."""
        return self.root / "kubeconfig"

    @property
    def admin_kubeconfig(self) -> Path:
        """The administrator's."""
        return self.kubeconfigs / "admin.conf"

    @property
    def record(self) -> Path:
        """See ``Record``."""
        return self.root / RECORD_NAME

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.root / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Makes the directories, open to their owner only."""
        for directory in (self.root, self.pki, self.kubeconfigs, self.root / "logs"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Record:
    """What a running control plane leaves in its state directory."""

    ports: Ports
    processes: dict[str, ProcessId]
    assets: Assets
    detached: bool

    def write(self, layout: Layout) -> None:
        """Replaces the record in one step."""
        write_private(layout.record, json.dumps(asdict(self), indent=1, default=str).encode())

    @classmethod
    def read(cls, layout: Layout) -> "Record | None":
        """The record; None when there is none. Raises ControlPlaneError when it cannot be understood."""
        try:
            content = json.loads(layout.record.read_text())
            return cls(
                ports=Ports(**content["ports"]),
                processes={name: ProcessId(**identity) for name, identity in content["processes"].items()},
                assets=_assets(content["assets"]),
                detached=content["detached"],
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ControlPlaneError(
                f"{layout.record} is damaged ({error!r}): end its processes by hand and delete {layout.root}"
            ) from error

    def running(self) -> list[str]:
        """Names of the processes that are alive."""
        return [name for name, identity in self.processes.items() if identity.alive()]


def _assets(content: dict[str, Any]) -> Assets:
    major, minor, patch = content["version"]
    manager, kubectl = content["kube_controller_manager"], content["kubectl"]
    return Assets(
        kube_apiserver=Path(content["kube_apiserver"]),
        kube_controller_manager=Path(manager) if manager else None,
        etcd=Path(content["etcd"]),
        kubectl=Path(kubectl) if kubectl else None,
        version=(major, minor, patch),
        source=content["source"],
        etcd_can_skip_fsync=content["etcd_can_skip_fsync"],
    )
