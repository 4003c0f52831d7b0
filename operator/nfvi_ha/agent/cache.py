"""Small JSON files in the state directory that let an agent start while nobody can be asked. Standard library only."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, value: Any) -> None:
    """Replace the file at once and durably; readable by its owner only.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    part = path.with_name(f".{path.name}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        json.dump(value, file, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    with contextlib.suppress(OSError):
        # Some file systems cannot sync a directory; the rename is atomic all the same.
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read(path: Path) -> Any:
    """The value in the file; None if there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
