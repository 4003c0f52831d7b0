"""One box and one site for all tests here; skipped where real guests cannot be run, but never in CI."""

import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libvirt.box import NAMESPACE, Box
from libvirt.cgroup import sweep
from libvirt.figures import Figures
from libvirt.install import in_ci, obstacle
from libvirt.site import Site

FIGURES = pytest.StashKey[Figures]()
RUNS = int(os.environ.get("NFVI_HA_E2E_RUNS", "3"))
"""Of each kind of fault."""
BIG_RUNS = max(1, RUNS // 3)
VMS = 20 * RUNS


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()
    # Told to end, we clean up as for Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash[FIGURES]
    if lines := figures.table():
        terminalreporter.section("real qemu, from the fault to the receiver's clock")
        for line in lines:
            terminalreporter.line(line)
    figures.write()


@pytest.fixture(scope="session", autouse=True)
def control_plane_is_there() -> None:
    """None is needed here."""


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """Short, for the sockets in it; not pytest's, which keeps what core dumps leave."""
    if reason := obstacle():
        if in_ci():
            pytest.fail(f"CI cannot run real guests: {reason}")
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="nfvi-ha-e2e-", dir="/tmp") as made:
        yield Path(made)
        sweep()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def box(directory: Path) -> AsyncIterator[Box]:
    place = directory / "box"
    place.mkdir()
    made = Box(place)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def running_site(place: Path, probes: dict[str, Any], prefix: str) -> AsyncIterator[Site]:
    place.mkdir()  # noqa: ASYNC240 - once
    made = Site(place, probes, NAMESPACE, (f"{prefix}-{number}" for number in range(VMS)))
    try:
        await made.start()
        yield made
        assert not made.unexpected()
    finally:
        await made.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(directory: Path, box: Box) -> AsyncIterator[Site]:
    """Its agent sees what is in pods, and libvirtd."""
    libvirtd = {
        "name": "libvirtd",
        "match": {"executable": "libvirtd", "arguments": ["--config", str(box.config)]},
        "hang": {"libvirt": {"socket": str(box.socket)}},
    }
    processes = {"builtInProcesses": False, "policies": False, "watchedProcesses": [libvirtd]}
    async with running_site(directory / "site", {"vm": {"cgroups": "process"}, "process": processes}, "vm") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site_without_pods(directory: Path) -> AsyncIterator[Site]:
    """Its agent takes every qemu of the machine for a VM, those of others too."""
    probes = {"vm": {"cgroups": "process", "outsidePods": True}, "process": {"builtInProcesses": False}}
    async with running_site(directory / "site-without-pods", probes, "lone") as made:
        yield made
