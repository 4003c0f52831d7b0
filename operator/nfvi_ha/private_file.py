"""A file that only its owner can read, replaced as a whole or not at all. Standard library only."""

import contextlib
import os
from pathlib import Path
from typing import Final

MODE: Final = 0o600


def write(path: Path, content: bytes) -> None:
    """Replace the file atomically and durably; at no moment can anybody else read what is in it.

    Raises:
        OSError: it could not be written, for want of its directory perhaps; the old one is still there.
    """
    new = path.with_name(f".{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()  # left by a crash, perhaps with other rights
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    with contextlib.suppress(OSError):
        # Some file systems cannot sync a directory; the rename is atomic all the same.
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
