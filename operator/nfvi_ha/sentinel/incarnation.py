"""Which start of this seat this is: the wall clock in ns, but always more than last time, whatever the clock did."""

import logging
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

FILE: Final = "incarnation"


def next_incarnation(state_dir: Path, wall_ns: int) -> int:
    """Take the next number and note it.

    Raises:
        OSError: the state directory cannot be used.
    """
    path = state_dir / FILE
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        last = int(path.read_text())
    except (FileNotFoundError, ValueError):
        last = 0
    number = max(wall_ns, last + 1)
    part = path.with_suffix(".part")
    part.write_text(f"{number}\n")
    part.rename(path)
    return number
