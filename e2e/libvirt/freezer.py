"""A process that stands still and does not look like it: frozen by its cgroup (v2) it shows state S, as if it slept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from libvirt.cgroup import Cgroup

FREEZE: Final = "cgroup.freeze"


@asynccontextmanager
async def frozen(pid: int) -> AsyncIterator[None]:
    """It answers nobody meanwhile."""
    cgroup = Cgroup("frozen")
    switch = cgroup.place / FREEZE
    try:
        if not switch.exists():
            pytest.skip(f"cgroups of version 1: no {FREEZE}")
        cgroup.put(pid)
        switch.write_text("1")
        try:
            yield
        finally:
            switch.write_text("0")
            cgroup.put_out(pid)
    finally:
        await cgroup.remove()
