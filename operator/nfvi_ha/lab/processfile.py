"""Files that say which process is which, for commands that did not start them."""

import os
from pathlib import Path
from typing import Final

import orjson

from nfvi_ha.lab.controlplane.processes import ProcessId
from nfvi_ha.lab.errors import LabFailed

PROCESS: Final = "process.json"
HELD: Final = ".held"


def write_identity(path: Path, identity: ProcessId) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(orjson.dumps({"pid": identity.pid, "startTicks": identity.start_ticks}))
    new.replace(path)


def read_identity(path: Path) -> ProcessId | None:
    """The process that the file names, alive or not; None without a (readable) file."""
    try:
        values = orjson.loads(path.read_bytes())
        return ProcessId(int(values["pid"]), int(values["startTicks"]))
    except (OSError, ValueError, KeyError):
        return None


def signal_group(path: Path, number: int) -> ProcessId:
    """Send a signal to the process and its whole group; returns who it was.

    Raises:
        LabFailed: it does not run.
    """
    identity = read_identity(path)
    if identity is None or not identity.signal(number):
        raise LabFailed(f"no process runs for {path.parent.name}")
    return identity


def hold(path: Path) -> None:
    """Whoever supervises the process of this file does not start it again until ``release``."""
    path.with_suffix(HELD).touch()


def release(path: Path) -> None:
    """Let it be started again."""
    path.with_suffix(HELD).unlink(missing_ok=True)


def held(path: Path) -> bool:
    """Whether it must not be started again."""
    return path.with_suffix(HELD).exists()


def signal_process(path: Path, number: int) -> ProcessId:
    """Send a signal to the process itself, not to its group; returns who it was.

    Raises:
        LabFailed: it does not run.
    """
    identity = read_identity(path)
    if identity is None or not identity.alive():
        raise LabFailed(f"no process runs for {path.parent.name}")
    os.kill(identity.pid, number)
    return identity
