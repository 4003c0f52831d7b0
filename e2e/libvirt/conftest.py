"""One box and one site for all tests here; skipped where real guests cannot be run, but never in CI."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libvirt.box import NAMESPACE, Box
from libvirt.figures import Figures
from libvirt.install import in_ci, obstacle
from libvirt.pod import Pod
from libvirt.site import Site

FIGURES = pytest.StashKey[Figures]()
RUNS = int(os.environ.get("NFVI_HA_E2E_RUNS", "3"))
"""Of each kind of fault."""
BIG_RUNS = max(1, RUNS // 3)

MakePod = Callable[[str], Pod]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


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
    with tempfile.TemporaryDirectory(prefix="nfvi-ha-", dir="/tmp") as made:
        yield Path(made)


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(directory: Path, box: Box) -> AsyncIterator[Site]:
    made = Site(directory, probes(box))
    try:
        await made.start()
        yield made
        assert not made.unexpected(NAMESPACE)
    finally:
        await made.close()


def probes(box: Box) -> dict[str, Any]:
    """Settings of the agent's probes."""
    libvirtd = {
        "name": "libvirtd",
        "match": {"executable": "libvirtd", "arguments": ["--config", str(box.config)]},
        "hang": {"libvirt": {"socket": str(box.socket)}},
    }
    return {
        "vm": {"outsidePods": True, "cgroups": "process"},
        "process": {"builtInProcesses": False, "policies": False, "watchedProcesses": [libvirtd]},
    }


@pytest.fixture
def make_pod(directory: Path) -> MakePod:
    """Pods of this test; the box closes them with their guests."""
    return lambda name: Pod(NAMESPACE, name, directory / "virt-launcher")
