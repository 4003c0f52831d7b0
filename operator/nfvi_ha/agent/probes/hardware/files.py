"""Small files of sysfs. What is not there, or cannot be read, is None: parts may be pulled out at any time."""

import os
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 65_536


def text(path: str | Path) -> str | None:
    """What is in it, without white space around it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return os.read(descriptor, MOST_BYTES).decode(errors="replace").strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)


def number(path: str | Path) -> int | None:
    """The whole number in it."""
    found = text(path)
    if found is None or len(found) > 20:
        return None
    digits = found.removeprefix("-")
    return int(found) if digits.isascii() and digits.isdigit() else None


def count(path: str | Path) -> int | None:
    """The same, if it is not below 0."""
    found = number(path)
    return found if found is not None and found >= 0 else None


def names(directory: str | Path) -> list[str]:
    """What is in a directory, in order."""
    try:
        return sorted(os.listdir(directory))
    except (OSError, ValueError):
        return []
