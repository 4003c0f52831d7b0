"""Small JSON files in the state directory that let an agent start while nobody can be asked. Standard library only."""

import json
from pathlib import Path
from typing import Any

from nfvi_ha import private_file


def write(path: Path, value: Any) -> None:
    """Replace the file at once and durably; readable by its owner only.

    Raises:
        OSError: it could not be written; the old one is still there.
    """
    private_file.write(path, json.dumps(value, separators=(",", ":")).encode())


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
