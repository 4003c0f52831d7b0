"""A lock between processes that the kernel drops with its holder, so that it is never stale."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nfvi_ha.lab.controlplane.errors import ControlPlaneError


def try_lock(file: IO[str]) -> bool:
    """Takes the lock of an open file until that file is closed; False when another process has it."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Holds the lock file ``path`` meanwhile. Raises ControlPlaneError at once when another process has it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        if not try_lock(file):
            raise ControlPlaneError(f"another command is starting or stopping what is in {path.parent}: wait for it")
        yield
