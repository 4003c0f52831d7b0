"""Chaos: seeded, bounded, on a lab of each test's own. The seed is shown, and NFVI_HA_CHAOS_SEED repeats it."""

import os
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from chaos_world import FIGURES, ChaosWorld, Figures, Scale, Start, start_world

from nfvi_ha.lab.controlplane.assets import Assets

HERE = Path(__file__).parent
SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SEED] = int(os.environ.get("NFVI_HA_CHAOS_SEED") or random.randrange(2**31))
    config.stash[FIGURES] = []


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.timeout(3600 if Scale.of_environment().full else 180, func_only=True))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.stash[FIGURES]:
        return
    terminalreporter.section(f"chaos, NFVI_HA_CHAOS_SEED={config.stash[SEED]}")
    for figures in config.stash[FIGURES]:
        terminalreporter.write_line(str(figures))


@pytest.fixture
def scale() -> Scale:
    """How much chaos."""
    return Scale.of_environment()


@pytest_asyncio.fixture
async def start(
    assets: Assets, tmp_path: Path, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> AsyncIterator[Start]:
    """Starts the test's lab; its figures are shown at the end of the run, also when the test failed."""
    figures = Figures(request.node.name)
    seed = pytestconfig.stash[SEED]
    # By the test's name, so that one test alone does what it did among the others.
    source = random.Random(f"{seed}/{request.node.name}")
    pytestconfig.stash[FIGURES].append(figures)
    print(f"NFVI_HA_CHAOS_SEED={seed}")
    async with AsyncExitStack() as stack:

        async def begin(*, operators: int, replicas: int) -> ChaosWorld:
            world = start_world(tmp_path, assets, source, figures, operators=operators, replicas=replicas)
            return await stack.enter_async_context(world)

        yield begin
