from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.agent.fake_sentinel import FakeSentinel
from tests.unit.agent.running_agent import RunningAgent, configuration

StartAgent = Callable[..., RunningAgent]


@pytest.fixture
def sentinels() -> Iterator[list[FakeSentinel]]:
    seats = [FakeSentinel(seat) for seat in range(3)]
    yield seats
    for seat in seats:
        seat.close()


@pytest.fixture
def sentinel(sentinels: list[FakeSentinel]) -> FakeSentinel:
    return sentinels[0]


@pytest.fixture
def start_agent(tmp_path: Path, sentinels: list[FakeSentinel]) -> Iterator[StartAgent]:
    """Starts an agent that beats to all three; it is gone after the test."""
    agents: list[RunningAgent] = []

    def start(*, stand_in: bool = True, **changes: Any) -> RunningAgent:
        agents.append(RunningAgent(configuration(tmp_path, sentinels, **changes), stand_in=stand_in))
        return agents[-1]

    yield start
    for agent in agents:
        agent.end()
