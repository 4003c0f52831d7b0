"""A control plane that outlives the command that started it: up, down, status and kubeconfig of ``nfvi-ha lab``."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nfvi_ha.lab.controlplane.assets import Assets
from nfvi_ha.lab.controlplane.errors import ControlPlaneError
from nfvi_ha.lab.controlplane.flags import LOOPBACK
from nfvi_ha.lab.controlplane.layout import Layout, Record
from nfvi_ha.lab.controlplane.lock import only_one
from nfvi_ha.lab.controlplane.plane import ControlPlane
from nfvi_ha.lab.controlplane.progress import ProgressSink, silent

LOCK_NAME: Final = "control-plane.lock"


@dataclass(frozen=True, slots=True)
class LabSession:
    """What a user needs of a running control plane."""

    state_dir: Path
    server: str
    kubeconfig: Path
    version: str
    source: str


def default_state_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the lab of this user lives: $XDG_STATE_HOME/nfvi-ha/lab, else ~/.local/state/nfvi-ha/lab."""
    named = Path(environment.get("XDG_STATE_HOME", ""))
    base = named if named.is_absolute() else Path(environment.get("HOME") or Path.home()) / ".local" / "state"
    return base / "nfvi-ha" / "lab"


async def up(state_dir: Path, progress: ProgressSink = silent, *, assets: Assets | None = None) -> LabSession:
    """Starts a control plane that goes on after this process; when one runs already, that one.

    What a crashed one left is removed first. Raises AssetsUnavailable, BuildFailed, StartFailed, ControlPlaneError.
    """
    layout = Layout.at(state_dir)
    with only_one(layout.root / LOCK_NAME):
        record = Record.read(layout)
        if record is not None and len(record.running()) == len(record.processes):
            return _session(ControlPlane.attach(layout.root))
        await _clear(layout)
        return _session(await ControlPlane.start(layout.root, assets=assets, log=progress, detach=True))


async def down(state_dir: Path) -> list[str]:
    """Ends it and removes its data and credentials; the logs stay. Names of what was still running; [] when nothing."""
    layout = Layout.at(state_dir)
    if not layout.root.exists():
        return []
    with only_one(layout.root / LOCK_NAME):
        return await _clear(layout)


async def status(state_dir: Path) -> dict[str, Any]:
    """State for people and programs: ``state`` is "Running", "Broken" (not all alive, or not ready) or "Stopped"."""
    layout = Layout.at(state_dir)
    record = Record.read(layout)
    if record is None:
        return {"state": "Stopped", "stateDir": str(layout.root)}
    plane = ControlPlane.attach(layout.root)
    running = record.running()
    ready = len(running) == len(record.processes) and await plane.api.healthy("/readyz")
    return {
        "state": "Running" if ready else "Broken",
        "stateDir": str(layout.root),
        "server": plane.server,
        "etcd": f"https://{LOOPBACK}:{record.ports.etcd_client}",
        "kubeconfig": str(plane.kubeconfig),
        "version": record.assets.version_text,
        "source": record.assets.source,
        "logs": str(layout.log("*")),
        "processes": [
            {"name": name, "pid": identity.pid, "alive": name in running, "rssBytes": identity.rss_bytes()}
            for name, identity in record.processes.items()
        ],
    }


def kubeconfig(state_dir: Path) -> Path:
    """The administrator's kubeconfig of the one that runs there. Raises ControlPlaneError when none does."""
    record = Record.read(Layout.at(state_dir))
    if record is None or not record.running():
        raise ControlPlaneError(f"no control plane is running in {state_dir}: start one with `nfvi-ha lab up`")
    return ControlPlane.attach(state_dir).kubeconfig


async def _clear(layout: Layout) -> list[str]:
    record = Record.read(layout)
    running = record.running() if record is not None else []
    if record is not None:
        await ControlPlane.attach(layout.root).stop()
    for directory in (layout.etcd_data, layout.pki, layout.kubeconfigs):
        shutil.rmtree(directory, ignore_errors=True)
    return running


def _session(plane: ControlPlane) -> LabSession:
    return LabSession(
        state_dir=plane.layout.root,
        server=plane.server,
        kubeconfig=plane.kubeconfig,
        version=plane.assets.version_text,
        source=plane.assets.source,
    )
