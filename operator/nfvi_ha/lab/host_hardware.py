"""The hardware of simulated hypervisors: files as sysfs has them, for this machine has none of it, or only once."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nfvi_ha.agent.probes.hardware.probe import NOTES_FILE
from nfvi_ha.lab.errors import LabFailed
from nfvi_ha.lab.faults import Injection

DIRECTORY: Final = "hardware"
DIMMS: Final = 64
WATCHED_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.05
_CONTROLLER: Final = "devices/system/edac/mc/mc0"
_NOTES: Final = Path("agent", "state", NOTES_FILE)


def hardware_settings(node_directory: Path) -> Mapping[str, Any]:
    """Settings of the hardware probe on a hypervisor that boots; puts healthy hardware there.

    Its kernel log is a file that is not there: the machine's own would be told by every hypervisor of the lab.
    """
    root = node_directory / DIRECTORY
    for number in range(DIMMS):
        dimm = root / _CONTROLLER / f"dimm{number}"
        dimm.mkdir(parents=True, exist_ok=True)
        (dimm / "dimm_label").write_text(f"CPU{number // 32}_DIMM_{number % 32}\n")
        _write(dimm / "dimm_ce_count", 0)
        _write(dimm / "dimm_ue_count", 0)
    for name in ("ce_count", "ue_count", "ce_noinfo_count", "ue_noinfo_count"):
        _write(root / _CONTROLLER / name, 0)
    return {"sysfsRoot": str(root), "kmsgPath": str(root / "kmsg"), "smartctl": [], "nvme": []}


async def wait_watched(node: str, node_directory: Path) -> None:
    """Until the hypervisor's agent has looked at its hardware: it beats a second or two before that.

    Raises:
        LabFailed: it did not within half a minute.
    """
    notes = node_directory / _NOTES
    deadline = time.monotonic() + WATCHED_SECONDS
    while not notes.exists():
        if time.monotonic() > deadline:
            raise LabFailed(f"the agent of {node} did not look at its hardware within {WATCHED_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


def uncorrected_error(node: str, node_directory: Path) -> tuple[Injection, str]:
    """Count an uncorrected error of a DIMM that had none yet, as its driver would; returns its component, too.

    Raises:
        LabFailed: all had one, or the hypervisor has no such hardware.
    """
    controller = node_directory / DIRECTORY / _CONTROLLER
    for number in range(DIMMS):
        counter = controller / f"dimm{number}" / "dimm_ue_count"
        if counter.exists() and _read(counter) == 0:
            total = _read(controller / "ue_count")
            at = time.monotonic_ns()
            # The total last: for a moment it is too small, which nobody takes for an error of no known DIMM.
            _write(counter, 1)
            _write(controller / "ue_count", total + 1)
            component = f"memory/mc0/dimm{number}"
            return Injection.now("uncorrected-error", f"{node}/{component}", at), component
    raise LabFailed(f"no DIMM of {node} is left that had no error yet")


def _read(path: Path) -> int:
    return int(path.read_text())


def _write(path: Path, value: int) -> None:
    """At once: a reader must not find it empty, as it never finds the kernel's."""
    part = path.with_name(f".{path.name}")
    part.write_text(f"{value}\n")
    part.replace(path)
