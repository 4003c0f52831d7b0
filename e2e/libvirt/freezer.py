"""A process that stands still and does not look like it: frozen by its cgroup (v2) it shows state S, as if it slept."""

import contextlib
from collections.abc import Iterator
from typing import Final

import pytest

from libvirt.pod import PROCS, TOP, hierarchy

FREEZE: Final = "cgroup.freeze"


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """It answers nobody meanwhile."""
    root = hierarchy()
    if root is None:
        pytest.skip("no cgroups that may be changed here")
    place = root / TOP / "frozen"
    place.mkdir(parents=True)
    try:
        if not (place / FREEZE).exists():
            pytest.skip(f"cgroups of version 1: no {FREEZE}")
        (place / PROCS).write_text(str(pid))
        (place / FREEZE).write_text("1")
        yield
    finally:
        if (place / FREEZE).exists():
            (place / FREEZE).write_text("0")
        (root / PROCS).write_text(str(pid))
        place.rmdir()
        with contextlib.suppress(OSError):  # pods may be in there, too
            place.parent.rmdir()
